// A policy's ceiling on thinking holds over every field that a client could use, on every engine, and over what the
// gateway itself asks for; what asks for less goes out as it was written.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Capability } from "../../../../policies/catalog.ts";
import { effortsWithin } from "../../../../policies/effort.ts";
import type { Mode } from "../../../../policies/mode.ts";
import { finish, offerOf, prepare, type Preparation } from "../../../../worker/prepare.ts";
import { strategyOf } from "../../../../worker/strategy/table.ts";
import { lowerThinking, type Bound } from "../../../../worker/upstream/wire/lower.ts";
import { ENGINE_DIALECTS } from "../../../simulator/dialects/table.ts";
import { askFor, catalogOf, holdOf, policyOf, rungOf } from "../a-request.ts";
import { CEILING_TOKENS, ENGINES, TOO_MUCH } from "./ceiling-aliases.ts";

const ORDER = { purpose: "answer" };
const DIRECT_TOKENS = 1000;
const CAP_TOKENS = { direct: DIRECT_TOKENS, short: 1000, code: 1000, long: 30_000 };

interface Given {
  readonly fields?: object;
  readonly mode?: Mode | null;
  readonly tokens?: number;
  readonly model?: object;
  readonly has?: readonly Capability[];
  readonly policy?: object;
}

interface Sent {
  readonly preparation: Preparation;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly knobs: Readonly<Record<string, string>>;
}

function send(engine: string, given: Given = {}): Sent {
  const { fields = {}, mode = null, tokens = CEILING_TOKENS, model = {} } = given;
  const preparation = prepare(rungOf("small", mode), {
    ask: askFor(fields),
    catalog: catalogOf([...(given.has ?? ENGINES[engine] ?? []), "stream-usage"], engine, {
      name: "sim-mid",
      contextTokens: 200_000,
      outputTokensMax: 60_000,
      ...model,
    }),
    // Without the mode long, so that a ceiling of 0 is no contradiction; a rung may still have it.
    policy: policyOf({
      modes: { short: "small" },
      capTokens: CAP_TOKENS,
      reasoningTokensMax: tokens,
      ...given.policy,
    }),
    order: ORDER,
    previous: null,
    strategyOf,
  });
  if (preparation === null) throw new Error("The catalog does not hold the model.");
  const outgoing = finish(preparation, holdOf(preparation.draft.outputTokens), ORDER, "salt");
  return {
    preparation,
    text: outgoing.body,
    body: JSON.parse(outgoing.body) as Sent["body"],
    knobs: Object.fromEntries(
      outgoing.knobs.map(({ knob, fidelity, reason }) => [knob, `${fidelity}: ${reason}`]),
    ),
  };
}

/** Every leaf under a name that is about thinking, by path. */
function leaves(value: unknown, path = "", isNamed = false): [string, unknown][] {
  if (typeof value !== "object" || value === null) return isNamed ? [[path, value]] : [];
  return Object.entries(value).flatMap(([key, inner]) =>
    leaves(inner, `${path}.${key}`, isNamed || /think|reason|effort|budget/i.test(key)),
  );
}

function expectWithin({ body }: Sent, tokens = CEILING_TOKENS): void {
  const words = effortsWithin(tokens) as readonly string[];
  for (const [path, value] of leaves(body)) {
    if (typeof value === "number") expect(value, path).toBeLessThanOrEqual(tokens);
    if (typeof value === "number") expect(value, path).toBeGreaterThanOrEqual(0);
    if (typeof value === "string" && /^-?\d/.test(value))
      expect(Number(value), path).toBeLessThanOrEqual(tokens);
    if (typeof value === "string" && /effort|level|think$/.test(path))
      expect(words, path).toContain(value);
  }
}

/** What the simulated engine hears of such a body, in vLLM's words; null when it refuses it. */
function hear(engine: string, body: Sent["body"]): Readonly<Record<string, unknown>> | null {
  const heard = ENGINE_DIALECTS.get(engine)?.hear(body);
  return heard?.kind === "read" ? heard.body : null;
}

describe.each(Object.keys(ENGINES))("%s", (engine) => {
  const has = ENGINES[engine] ?? [];

  it.each(TOO_MUCH)("holds a named model to the ceiling over %s", (_, fields) => {
    const sent = send(engine, { fields });
    expectWithin(sent);
    const heard = hear(engine, sent.body);
    if (heard === null) return;
    const budget = heard["thinking_token_budget"];
    const isOn = (heard["chat_template_kwargs"] as { enable_thinking?: boolean } | undefined)
      ?.enable_thinking;
    // Either the engine was told a budget, or it does not think, or the whole answer is bounded and said to be.
    if (typeof budget === "number") expect(budget).toBeLessThanOrEqual(CEILING_TOKENS);
    else if (isOn === true) {
      expect(sent.preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
      expect(sent.knobs["reasoning-ceiling"]).toMatch(/^approx: /);
    }
  });

  it("holds it over all of them at once, and over a wide bound on the answer", () => {
    const fields = Object.assign(
      { max_tokens: 50_000 },
      ...TOO_MUCH.map(([, one]) => one),
    ) as object;
    const sent = send(engine, { fields });
    expectWithin(sent);
    expect(sent.knobs["reasoning-ceiling"]).toBeDefined();
  });

  it("asks for no more itself, in the mode long and at a high effort", () => {
    const sent = send(engine, { mode: "long" });
    expectWithin(sent);
    const isTold = has.includes("thinking-cap");
    if (isTold) expect(sent.knobs["thinking-cap"]).toMatch(/^(?:exact|approx): .*2048/);
    // The hold is offered the same bound.
    const { outputTokens } = offerOf(sent.preparation, 0, true);
    const isOpen = has.length > 0 && !isTold;
    expect(outputTokens).toBe(isOpen ? CEILING_TOKENS + DIRECT_TOKENS : 30_000);
  });

  it("is told to stop where the ceiling is 0, whatever the client wrote", () => {
    for (const [name, fields] of [["nothing", {}] as const, ...TOO_MUCH]) {
      const sent = send(engine, { fields, tokens: 0 });
      const heard = hear(engine, sent.body);
      const budget = heard?.["thinking_token_budget"];
      const isOn = (heard?.["chat_template_kwargs"] as { enable_thinking?: boolean } | undefined)
        ?.enable_thinking;
      expect(isOn === true && budget !== 0, `${engine}: ${name}: ${sent.text}`).toBe(false);
    }
  });

  it("gets the client's own words where they ask for no more", () => {
    const fields = {
      thinking_budget: 2048,
      reasoning: { max_tokens: 1500, summary: "auto" },
      chat_template_kwargs: { thinking_budget: 12, documents: [30_000], level_of_detail: 1.0 },
      seed: 90_000,
    };
    const { text, preparation } = send(engine, { fields });
    for (const [key, value] of Object.entries(fields))
      expect(text).toContain(`"${key}":${JSON.stringify(value)}`);
    expect(preparation.draft.ask.wire).toContain(JSON.stringify(fields).slice(1, -1));
  });

  it("is asked as before without a ceiling", () => {
    for (const [, fields] of TOO_MUCH) {
      const { knobs } = send(engine, { fields, policy: { reasoningTokensMax: undefined } });
      expect(knobs["reasoning-ceiling"]).toBeUndefined();
    }
  });
});

describe("a call that was told not to think", () => {
  it.each([
    ["openai", { reasoning_effort: "none" }],
    ["vllm", { chat_template_kwargs: { enable_thinking: false } }],
    ["vllm", { reasoning_effort: "none" }],
    ["deepseek", { thinking: { type: "disabled" } }],
    ["anthropic", {}],
  ])("of %s keeps its whole answer: %j", (engine, fields) => {
    const sent = send(engine, { fields: { ...fields, max_tokens: 20_000 } });
    expect(sent.preparation.draft.outputTokens).toBe(20_000);
    expect(sent.knobs["reasoning-ceiling"]).toBeUndefined();
  });

  it("of an engine that does not read the word is bounded all the same", () => {
    const has = ["thinking-switch"] as const;
    const sent = send("vllm", { fields: { think: false, max_tokens: 20_000 }, has });
    expect(sent.preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
  });
});

describe("a ceiling below the least that can be told", () => {
  it("stops a budget that Anthropic would refuse", () => {
    const fields = { thinking: { type: "enabled", budget_tokens: 9000 } };
    expect(send("anthropic", { fields, tokens: 1023 }).body["thinking"]).toEqual({
      type: "disabled",
    });
    expect(send("anthropic", { fields, tokens: 1024 }).body["thinking"]).toEqual({
      type: "enabled",
      budget_tokens: 1024,
    });
  });

  it("stops an effort that is worth more, or asks for the least where nothing stops it", () => {
    const fields = { reasoning_effort: "high" };
    expect(send("openai", { fields, tokens: 1023 }).body["reasoning_effort"]).toBe("none");
    expect(send("openai", { fields, tokens: 1024 }).body["reasoning_effort"]).toBe("low");
    const model = { efforts: ["minimal", "low", "medium", "high"] };
    const least = send("openai", { fields, tokens: 10, model });
    expect(least.body["reasoning_effort"]).toBe("minimal");
    expect(least.knobs["reasoning-ceiling"]).toMatch(/^approx: /);
  });

  it("leaves a client's other arguments for the template beside the switch", () => {
    const fields = {
      chat_template_kwargs: { enable_thinking: true, thinking_budget: 9, tone: "dry" },
    };
    expect(send("vllm", { fields, tokens: 0 }).body["chat_template_kwargs"]).toEqual({
      enable_thinking: false,
      thinking_budget: 0,
      tone: "dry",
    });
  });
});

describe("the bound on output", () => {
  it("is the policy's where the client asks for more, under every name, and says so", () => {
    const fields = { max_tokens: 50_000, max_completion_tokens: 40_000, n_predict: -1 };
    const policy = { outputTokensMax: 700, reasoningTokensMax: undefined };
    const { body, knobs, preparation } = send("vllm", { fields, policy });
    expect(body).toMatchObject({ max_tokens: 700, max_completion_tokens: 700, n_predict: 700 });
    expect(knobs["output-cap"]).toMatch(/^approx: the policy gives at most 700/);
    expect(offerOf(preparation, 0, true).outputTokens).toBe(700);
  });

  it("stays the client's where it asks for less", () => {
    const policy = { outputTokensMax: 700, reasoningTokensMax: undefined };
    const { body, knobs } = send("vllm", { fields: { max_completion_tokens: 600 }, policy });
    expect(body).toMatchObject({ max_completion_tokens: 600 });
    expect(knobs["output-cap"]).toBeUndefined();
  });
});

describe("lowering any fields", () => {
  const BOUND: Bound = { tokens: 100, efforts: ["none", "low"], effort: "low", stops: false };
  const key = fc.constantFrom(
    "thinking",
    "Reasoning",
    "budget_tokens",
    "effort",
    "a",
    "max_tokens",
    "reasoning_effort",
    "chat_template_kwargs",
    "thinkingLevel",
    "seed",
    "google",
  );
  const leaf = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom("high", "LOW", "none", "auto", "99", "1e9", "-5", "words", "enabled"),
  );
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      tie("object"),
      fc.array(tie("value"), { maxLength: 3 }),
    ),
    object: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  })).object;
  const standing = (fields: object) =>
    new Map(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));

  it("leaves nothing above the bound, touches nothing else, and has nothing left to do", () => {
    fc.assert(
      fc.property(tree, (fields) => {
        const before = standing(fields as object);
        const { fields: lowered, changes } = lowerThinking(before, BOUND);
        const after = new Map([...before, ...Object.entries(lowered)]);
        expect(Object.keys(lowered).length > 0).toBe(changes.length > 0);
        expect(lowerThinking(after, BOUND).changes).toEqual([]);
        const shape = (text: string) =>
          JSON.stringify(JSON.parse(text), (_, value: unknown) =>
            typeof value === "object" && value !== null ? value : 0,
          );
        for (const [name, text] of after) {
          expect(shape(text)).toBe(shape(before.get(name) ?? ""));
          // Other objects may hold the client's own data: a schema, a document.
          if (!/think|reason|effort|budget|kwargs|google/i.test(name)) {
            expect(text).toBe(before.get(name));
            continue;
          }
          for (const [path, value] of leaves({ [name]: JSON.parse(text) as unknown })) {
            if (typeof value === "number") expect(value >= 0 && value <= 100, path).toBe(true);
            else expect(["high", "1e9", "-5"], path).not.toContain(value);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
