// Prompts that could share a cache and do not.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { prefixRoot } from "../../../../policies/prefix/keyed-hash.ts";
import { LINTS_MAX, PromptLint, PromptLints } from "../../../../policies/prefix/lint.ts";
import { PART_KINDS, partKind } from "../../../../policies/prefix/part-kind.ts";
import { prose } from "./prose.ts";

const parts = {
  model: "m",
  revision: "",
  adapter: "",
  namespace: "acme",
  domain: "units256",
} as const;
const ROOT = prefixRoot(new TextEncoder().encode("secret"), parts);

const SYSTEM = prose(1, 12_000);
const message = (role: string, content: string) => JSON.stringify({ role, content });
const time = (minute: number) => new Date(1_795_000_000_000 + minute * 60_000).toISOString();

function lintOf(prompts: readonly (readonly string[])[]): PromptLint {
  const lint = new PromptLint(ROOT, "acme");
  for (const [i, texts] of prompts.entries()) lint.see(texts, `prompt ${i}`);
  return lint;
}

const many = (write: (i: number) => string[], count = 30) =>
  Array.from({ length: count }, (_, i) => write(i));

describe("prompts that share nearly all", () => {
  test("but begin with the time are found, counted, and told to move it", () => {
    const lint = lintOf(
      many((i) => [
        message("system", `Now: ${time(i * 7)}. ${SYSTEM}`),
        message("user", prose(50 + i, 200)),
      ]),
    );
    const [finding, ...others] = lint.findings();
    expect(finding).toMatchObject({ prompts: 30, partKind: "time" });
    expect(finding!.advice).toMatch(/date or time/);
    expect(finding!.sharedShare).toBeGreaterThan(0.95);
    expect(finding!.partsAtUnits).toBeGreaterThan(30);
    expect(finding!.partsAtUnits).toBeLessThan(55);
    expect(others).toEqual([]);
  });

  test.each([
    [
      "id",
      (i: number) => `0f8fad5b-d9cd-469f-a165-${String(70_867_728_950 + i * 13).padStart(12, "0")}`,
    ],
    ["number", (i: number) => String(1000 + i * 37)],
    [
      "name",
      (i: number) => ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra"][i % 4]!,
    ],
    ["other", (i: number) => prose(70 + i, 30)],
  ])("but begin with another %s are told so", (kind, write) => {
    const lint = lintOf(many((i) => [message("system", `For ${write(i)} only. ${SYSTEM}`)], 4));
    expect(lint.findings()).toMatchObject([{ prompts: 4, partKind: kind }]);
  });

  test("in two templates are two findings, the larger first", () => {
    const other = prose(2, 9000);
    const lint = lintOf(
      many((i) => [message("system", `${time(i)} ${i % 3 === 0 ? other : SYSTEM}`)]),
    );
    expect(lint.findings()).toMatchObject([{ prompts: 20 }, { prompts: 10 }]);
  });

  test("are still found where a conversation goes on in between, whose turns are not counted", () => {
    const turns: string[] = [];
    const lint = lintOf(
      many((i) => {
        if (i % 2 === 0) return [message("system", `Now: ${time(i)}. ${SYSTEM}`)];
        turns.push(message("user", prose(200 + i, 1500)));
        return [...turns];
      }),
    );
    expect(lint.findings()).toMatchObject([{ prompts: 15 }]);
  });

  test("stay one finding while one of them goes on as a conversation, and part where they part first", () => {
    const systems = ["2026-11-25T20:08", "2025-11-25T20:08", "2025-11-25T20:09"].map((now) =>
      message("system", `Now: ${now}. ${SYSTEM}`),
    );
    const [one, two, three] = systems as [string, string, string];
    const lint = lintOf([[one], [two], [two, message("user", prose(4, 300))], [three]]);
    expect(lint.findings()).toMatchObject([{ prompts: 3, partsAtUnits: 32, partKind: "time" }]);
  });

  test("are still known when seven conversations have had a second turn, and not when there were eight", () => {
    const turns = (count: number) =>
      [1000, 2000].flatMap((units) => many((i) => [prose(400 + i, units + 100)], count));
    const first = [message("system", `Now: ${time(0)}. ${SYSTEM}`)];
    const last = [message("system", `Now: ${time(9)}. ${SYSTEM}`)];
    expect(lintOf([first, ...turns(7), last]).findings()).toHaveLength(1);
    expect(lintOf([first, ...turns(8), last]).findings()).toHaveLength(0);
  });

  test("and part late are none: what is before is cached", () => {
    const late = (i: number) => [
      message("system", SYSTEM),
      message("user", time(i) + prose(3, 20_000)),
    ];
    expect(lintOf(many(late)).findings()).toEqual([]);
  });
});

describe("nothing is found", () => {
  test.each<[string, (i: number) => string[]]>([
    [
      "in a growing conversation",
      (i) => Array.from({ length: i + 1 }, (_, turn) => message("user", prose(turn, 1200))),
    ],
    ["in equal prompts", () => [message("system", SYSTEM)]],
    [
      "in prompts that share a short beginning alone",
      (i) => [SYSTEM.slice(0, 900), prose(300 + i, 9000)],
    ],
    [
      "in prompts of which most is the same beginning",
      (i) => [SYSTEM.slice(0, 3000), prose(300 + i, 1500)],
    ],
    ["in prompts that have nothing in common", (i) => [prose(300 + i, 9000)]],
    ["in short prompts", (i) => [message("user", `${time(i)} ${SYSTEM.slice(0, 900)}`)]],
    ["in empty ones", () => []],
  ])("%s", (_, write) => {
    expect(lintOf(many(write, 12)).findings()).toEqual([]);
  });
});

test("a prompt with fresh text in front is offered what it repeats, by the name that the caller gave", () => {
  const lint = new PromptLint(ROOT, "acme");
  expect(lint.see([SYSTEM], "first")).toBeNull();
  const hint = lint.see([prose(9, 200), SYSTEM], "second");
  expect(hint).toMatchObject({
    namespace: "acme",
    spans: [{ donor: "first", context: "canonical" }],
  });
});

test("findings are bounded and of counts that add up, for any prompts", () => {
  const anyPrompt = fc.record({ template: fc.nat(30), head: fc.nat(5), tail: fc.nat(2000) });
  fc.assert(
    fc.property(fc.array(anyPrompt, { maxLength: 60 }), (prompts) => {
      const lint = lintOf(
        prompts.map(({ template, head, tail }) => [
          message("system", `${prose(head, 20)} ${prose(500 + template, 3000)}`),
          prose(900 + tail, tail),
        ]),
      );
      const findings = lint.findings();
      expect(findings.length).toBeLessThanOrEqual(16);
      let counted = 0;
      for (const { prompts: count, sharedShare, partsAtUnits } of findings) {
        expect(count).toBeGreaterThanOrEqual(2);
        expect(sharedShare).toBeGreaterThanOrEqual(0.5);
        expect(sharedShare).toBeLessThanOrEqual(1);
        expect(partsAtUnits).toBeLessThanOrEqual(3000);
        counted += count;
      }
      expect(counted).toBeLessThanOrEqual(prompts.length);
    }),
    { numRuns: 30 },
  );
});

test("each namespace has a lint of its own, and the one that was asked least lately gives way", () => {
  const lints = new PromptLints();
  const first = lints.of(ROOT, "0");
  for (let i = 1; i < LINTS_MAX; i++) expect(lints.of(ROOT, String(i))).not.toBe(first);
  expect(lints.of(ROOT, "0")).toBe(first);
  lints.of(ROOT, "one more");
  expect(lints.find("0")).toBe(first);
  expect(lints.find("1")).toBeNull();
  expect(lints.find("2")).not.toBeNull();
});

describe("what stands at a place", () => {
  test.each([
    ["time", "It is 2026-11-25T20:0|8:37.123Z now"],
    ["time", "It is |25.11.2026 now"],
    ["time", "at 8:|07 PM sharp"],
    ["time", "on |November 25, 2026"],
    ["time", "on 25 N|ov 2026"],
    ["time", "a fine We|dnesday"],
    ["time", "since 17643|02917 seconds"],
    ["id", "for 0f8fad5b-d9cd-469f-a1|65-70867728950e here"],
    ["id", "request req_0|a8f7e2d9c4b1a6f"],
    ["number", "there are 1|2,345 of them"],
    ["name", "Dear Grace |Hopper, hello"],
    ["name", "from ada|@example.org now"],
    ["other", "You are a helpful |assistant of few words"],
    ["other", "You are |helpful in 2026-11-25"],
    ["other", "On 2026-11-25 it was said that |you are helpful"],
    ["other", "|"],
  ])("is of kind %s: %s", (kind, marked) => {
    const at = marked.indexOf("|");
    expect(partKind(marked.replace("|", ""), at, 1)).toBe(kind);
  });

  test("is one of five words, for any text and place", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 150 }), fc.nat(200), (text, at) => {
        expect(PART_KINDS).toContain(partKind(text, at));
      }),
    );
  });
});
