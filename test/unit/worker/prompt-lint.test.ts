// What a tenant is told of how its prompts are laid out, and who else is.
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ModelFinding } from "../../../policies/prefix/findings.ts";
import { newLintMemory, PromptLinter, type LintMemory } from "../../../worker/prompt-lint.ts";
import { Prompt } from "../../../worker/prompt.ts";
import { prose } from "../policies/prefix/prose.ts";
import { askFor, catalogOf } from "./a-request.ts";

const CATALOG = catalogOf([]);
const SYSTEM = prose(1, 6000);
/** Of a template that begins with the time, of another minute each. */
const timed = (minute: number, tenantId = "acme") => {
  const time = new Date(1_795_000_000_000 + minute * 420_000).toISOString();
  const content = `Now: ${time}. ${SYSTEM}`;
  const messages = [
    { role: "system", content },
    { role: "user", content: prose(50 + minute, 200) },
  ];
  return new Prompt(askFor({ messages }), tenantId);
};

function begin({
  chance = 0,
  memory = newLintMemory(),
}: { chance?: number; memory?: LintMemory } = {}) {
  const told: { tenantId: string; isolate: string; findings: readonly ModelFinding[] }[] = [];
  let nowMs = 0;
  let isAway = false;
  const linter = () =>
    new PromptLinter(
      memory,
      (tenantId) => ({
        keepFindings: async (isolate, findings) => {
          if (isAway) throw new Error("away");
          told.push({ tenantId, isolate, findings });
        },
      }),
      { now: () => nowMs, chance: () => chance, newId: () => "isolate-1" },
    );
  const look = async (count: number, tenantId = "acme", modelId = "small", from = 0) => {
    for (let i = from; i < from + count; i++)
      await linter().look({ prompt: timed(i, tenantId), modelId, requestId: `r${i}` }, CATALOG);
  };
  const explain = (prompt: Prompt, reuseHints = false, requestId = "now") =>
    linter().explain(prompt, requestId, CATALOG, { reuseHints });
  return {
    told,
    look,
    explain,
    later: (ms: number) => void (nowMs += ms),
    leave: () => void (isAway = true),
  };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("prompts that share nearly all and begin with the time", () => {
  it("are told to their tenant, with what to move", async () => {
    const { look, explain } = begin();
    await look(12);
    const [finding, ...others] = explain(timed(99)).findings;
    expect(finding).toMatchObject({ model: "small", prompts: 12, partKind: "time" });
    expect(finding!.sharedShare).toBeGreaterThan(0.9);
    expect(finding!.advice).toMatch(/^Move the date or time/);
    expect(others).toEqual([]);
  });

  it("are told to no other tenant, and nothing of their text is kept or told", async () => {
    const memory = newLintMemory();
    const { look, explain, told } = begin({ memory });
    await look(12);
    expect(explain(timed(99, "rival")).findings).toEqual([]);
    const words = new Set(SYSTEM.split(" ").filter((word) => word.length > 7));
    expect(words.size).toBeGreaterThan(20);
    const said = JSON.stringify([told, explain(timed(98)).findings]);
    expect([...words].filter((word) => said.includes(word))).toEqual([]);
  });

  it("are counted by model", async () => {
    const { look, explain } = begin();
    await look(3);
    await look(2, "acme", "unpriced");
    expect(explain(timed(99)).findings.map(({ model, prompts }) => [model, prompts])).toEqual([
      ["small", 3],
      ["unpriced", 2],
    ]);
  });

  it("are not looked at where chance passes them over, nor where they are short", async () => {
    const passed = begin({ chance: 0.25 });
    await passed.look(12);
    expect(passed.explain(timed(99)).findings).toEqual([]);
  });
});

describe("the tenant's object", () => {
  it("is told at most once a minute, and then all that was found so far", async () => {
    const { look, later, told } = begin();
    await look(1);
    expect(told).toEqual([]);
    await look(5, "acme", "small", 1);
    expect(told.map(({ findings }) => findings[0]!.prompts)).toEqual([2]);
    later(60_000);
    await look(1, "acme", "small", 6);
    expect(told.at(-1)).toMatchObject({ tenantId: "acme", isolate: "isolate-1" });
    expect(told.map(({ findings }) => findings[0]!.prompts)).toEqual([2, 7]);
  });

  it("of one tenant is not told of another's prompts", async () => {
    const { look, told } = begin();
    await look(4);
    await look(4, "rival");
    expect(told.map(({ tenantId, findings }) => [tenantId, findings[0]!.prompts])).toEqual([
      ["acme", 2],
      ["rival", 2],
    ]);
  });

  it("that is away fails no request, and the log says so", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { look, leave, explain } = begin();
    leave();
    await look(4);
    expect(explain(timed(99)).findings[0]!.prompts).toBe(4);
    expect(error.mock.calls.flat().join()).toContain("prompt-findings-lost");
  });
});

describe("a reuse hint", () => {
  it("is none where the policy does not ask for it", async () => {
    const { look, explain } = begin();
    await look(3);
    expect(explain(timed(99)).hint).toBeNull();
  });

  it("names the tenant's own earlier request that had the parts at the same place or first, once", async () => {
    const { explain } = begin();
    const donor = new Prompt(askFor({ messages: [{ role: "system", content: SYSTEM }] }), "acme");
    explain(donor, true, "earlier").hint!("small");
    const moved = () => {
      const messages = [
        { role: "system", content: SYSTEM },
        { role: "user", content: prose(9, 300) },
      ];
      const tools = [{ type: "function", function: { name: "clock" } }];
      return new Prompt(askFor({ messages, tools }), "acme");
    };
    const look = explain(moved(), true);
    const hint = look.hint!("small");
    expect(hint?.spans[0]).toMatchObject({ donor: "earlier", context: "canonical" });
    expect(look.hint!("small")).toBe(hint);
    const rival = new Prompt(askFor({ messages: [{ role: "system", content: SYSTEM }] }), "rival");
    expect(explain(rival, true).hint!("small")).toBeNull();
  });
});
