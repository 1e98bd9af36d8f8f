// A policy's ceiling on thinking holds over every field that a client could use, on every engine, and over what the
// gateway itself asks for; what asks for less goes out as it was written.
import { describe, expect, it } from "vitest";
import { effortsWithin } from "../../../../policies/effort.ts";
import { offerOf } from "../../../../worker/prepare.ts";
import { ENGINE_DIALECTS } from "../../../simulator/dialects/table.ts";
import { CAP_TOKENS, DIRECT_TOKENS, leaves, send, type Sent } from "./a-ceiling.ts";
import { CEILING_TOKENS, ENGINES, TOO_MUCH } from "./ceiling-aliases.ts";

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
    expect(outputTokens).toBe(isTold ? 30_000 : CEILING_TOKENS + DIRECT_TOKENS);
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

describe("a model of which nothing is known", () => {
  const UNKNOWN = [
    ["generic", []],
    ["vllm", []],
    ["openai", []],
    ["anthropic", []],
    ["vllm", ["temperature"]],
  ] as const;

  it.each(UNKNOWN)(
    "of %s (%j) has its whole answer bounded in long, and is told so",
    (engine, has) => {
      const { body, knobs, preparation } = send(engine, { mode: "long", has });
      expect(body).not.toHaveProperty("reasoning_effort");
      expect(offerOf(preparation, 0, true).outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
      expect(body["max_tokens"] ?? body["max_completion_tokens"]).toBe(
        CEILING_TOKENS + DIRECT_TOKENS,
      );
      expect(knobs["thinking-cap"]).toMatch(/^off: /);
      expect(knobs["reasoning-ceiling"]).toMatch(/^approx: .*so the whole answer is bounded$/);
      // Nothing was asked of the engine, so nothing is said to have been.
      expect(knobs["reasoning-ceiling"]).not.toContain("instead of");
    },
  );

  it.each(UNKNOWN)("of %s (%j) has it bounded in the mode short", (engine, has) => {
    const policy = { capTokens: { ...CAP_TOKENS, short: 9000 } };
    const { knobs, preparation } = send(engine, { mode: "short", has, policy });
    expect(preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
    expect(knobs["reasoning-ceiling"]).toMatch(/^approx: /);
  });

  it.each([
    ["generic", [], {}],
    ["generic", [], { reasoning_effort: "none" }],
    ["vllm", [], {}],
    ["vllm", [], { reasoning_effort: "none" }],
    ["openai", [], { reasoning_effort: "none" }],
  ] as const)("of %s (%j) has it bounded as the client sends it: %j", (engine, has, fields) => {
    const sent = send(engine, { has, fields: { ...fields, max_tokens: 20_000 } });
    expect(sent.preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
    expect(sent.knobs["reasoning-ceiling"]).toMatch(/^approx: /);
  });

  it("is told of no stop under a ceiling of 0 where nothing stops it", () => {
    const { knobs, preparation } = send("generic", { mode: "long", tokens: 0 });
    expect(preparation.draft.outputTokens).toBe(DIRECT_TOKENS);
    expect(knobs["reasoning-ceiling"]).toMatch(/^approx: /);
    expect(knobs["reasoning-ceiling"]).not.toContain("asked to stop");
  });

  it.each(["long", "short", null] as const)(
    "may answer at length (%s) when the catalog says it never thinks",
    (mode) => {
      const model = { thinking: "never" };
      const policy = { capTokens: { ...CAP_TOKENS, short: 9000, long: 9000 } };
      for (const [engine, has] of UNKNOWN) {
        const { knobs, preparation } = send(engine, { mode, has, model, policy });
        expect(preparation.draft.outputTokens, engine).toBe(9000);
        expect(knobs["reasoning-ceiling"], engine).toBeUndefined();
      }
    },
  );

  it("needs no word where its whole answer is within the ceiling", () => {
    for (const mode of ["long", "short", null] as const) {
      const { knobs, body } = send("generic", { mode, fields: { max_tokens: CEILING_TOKENS } });
      expect(body["max_tokens"]).toBe(CEILING_TOKENS);
      expect(knobs["reasoning-ceiling"]).toBeUndefined();
    }
  });
});

describe("the least that an engine takes", () => {
  it("is no stop: a client that asks for it is bounded all the same", () => {
    const model = { efforts: ["minimal", "low", "medium", "high"] };
    const fields = { reasoning_effort: "minimal", max_completion_tokens: 20_000 };
    const { knobs, preparation } = send("openai", { fields, model });
    expect(preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
    expect(knobs["reasoning-ceiling"]).toMatch(/^approx: /);
  });

  it.each([
    ["a model that always thinks", { thinking: "always" }],
    ["efforts without it", { efforts: ["low", "high"] }],
  ])("is no stop: the word none means nothing to %s", (_, model) => {
    const fields = { reasoning_effort: "none", max_tokens: 20_000 };
    const { preparation } = send("workers-ai", { fields, model });
    expect(preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
  });
});
