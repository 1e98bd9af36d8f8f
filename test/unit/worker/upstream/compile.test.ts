// What holds of every engine, whatever is wished of whatever model.
import { describe, expect, it } from "vitest";
import { CAPABILITIES, type Capability } from "../../../../policies/catalog.ts";
import type { Intent } from "../../../../worker/upstream/engine.ts";
import { AS_SENT, compileFor, OFF, ON, type Entry } from "./an-intent.ts";

const ENGINES = [
  "vllm",
  "sglang",
  "llama.cpp",
  "ollama",
  "openai",
  "deepseek",
  "dashscope",
  "anthropic",
  "gemini",
  "openrouter",
  "workers-ai",
  "generic",
];

/** Every wish in every combination. */
const INTENTS: readonly Intent[] = (["on", "off", "as-sent"] as const).flatMap((thinking) =>
  ([null, "low", "max"] as const).flatMap((effort) =>
    [null, 0, 100, 3000].flatMap((thinkingTokensMax) =>
      [true, false].flatMap((isStream) =>
        [null, 0.5].flatMap((temperature) =>
          [null, "s"].map((cacheSalt) => ({
            ...AS_SENT,
            thinking,
            effort,
            thinkingTokensMax,
            isStream,
            temperature,
            cacheSalt,
            promptKey: cacheSalt,
          })),
        ),
      ),
    ),
  ),
);

/** Read elsewhere, and by no knob here: with them in every combination there would be sixteen times as many. */
const READ_ELSEWHERE: readonly Capability[] = [
  "tools",
  "json-schema",
  "stream-usage",
  "queue-priority",
];
const READ_HERE = CAPABILITIES.filter((capability) => !READ_ELSEWHERE.includes(capability));
const SETS: readonly (readonly Capability[])[] = [
  ...Array.from({ length: 2 ** READ_HERE.length }, (_, set) =>
    READ_HERE.filter((_capability, bit) => (set >> bit) % 2 === 1),
  ),
  READ_ELSEWHERE,
  CAPABILITIES,
];

/** The capabilities of which one must be declared before a field may be sent. */
const NEEDS: Readonly<Record<string, readonly Capability[]>> = {
  chat_template_kwargs: ["thinking-switch"],
  enable_thinking: ["thinking-switch"],
  thinking: ["thinking-switch", "thinking-cap"],
  reasoning: ["thinking-switch", "effort", "thinking-cap"],
  reasoning_effort: ["effort"],
  thinking_token_budget: ["thinking-cap"],
  thinking_budget_tokens: ["thinking-cap"],
  thinking_budget: ["thinking-cap"],
  custom_params: ["thinking-cap"],
  extra_body: ["thinking-cap"],
  temperature: ["temperature"],
  cache_salt: ["cache-salt"],
};

/** Declared of the upstream and not of a model: an intent without it is for one that is not. */
const UPSTREAM_FIELDS: ReadonlySet<string> = new Set(["prompt_cache_key"]);

describe.each(ENGINES)("%s", (engine) => {
  it("is never sent what is not declared", () => {
    for (const has of SETS) {
      for (const thinking of [undefined, "always", "never"] as const) {
        for (const intent of INTENTS) {
          const entry: Entry = thinking === undefined ? { has } : { has, thinking };
          for (const field of Object.keys(compileFor(engine, intent, entry).fields)) {
            const needs = NEEDS[field] ?? [];
            // Ollama's switch is the effort none.
            const isSwitch = engine === "ollama" && has.includes("thinking-switch");
            const isDeclared =
              needs.some((capability) => has.includes(capability)) ||
              isSwitch ||
              (UPSTREAM_FIELDS.has(field) && intent.promptKey !== null);
            if (!isDeclared) expect.fail(`${field} for ${JSON.stringify({ intent, entry })}`);
          }
        }
      }
    }
  });

  it("says of every wish what became of it, once, and why", () => {
    for (const has of [[], ...CAPABILITIES.map((capability) => [capability]), CAPABILITIES]) {
      for (const thinking of [undefined, "always", "never"] as const) {
        for (const intent of INTENTS) {
          const entry: Entry = thinking === undefined ? { has } : { has, thinking };
          const { knobs } = compileFor(engine, intent, entry);
          const isOn = intent.thinking === "on";
          expect(knobs.map(({ knob }) => knob)).toEqual([
            ...(intent.thinking === "as-sent" ? [] : ["thinking"]),
            ...(isOn && intent.effort !== null ? ["effort"] : []),
            ...(isOn && intent.thinkingTokensMax !== null ? ["thinking-cap"] : []),
            ...(intent.temperature === null ? [] : ["temperature"]),
            ...(intent.cacheSalt === null ? [] : ["cache-salt"]),
            ...(intent.promptKey === null ? [] : ["prompt-cache-key"]),
          ]);
          for (const { reason } of knobs) expect(reason).not.toBe("");
        }
      }
    }
  });

  it("is never asked for thinking that leaves no room for an answer", () => {
    for (const outputTokens of [1, 100, 1024, 1025, 5000]) {
      const thinkingTokensMax = Math.floor(outputTokens * 0.75);
      const { fields } = compileFor(
        engine,
        { ...ON, thinkingTokensMax, outputTokens },
        { has: CAPABILITIES },
      );
      const budgets = [
        ...Object.values(fields)
          .join(" ")
          .matchAll(/(?:budget|max_tokens)[a-z_]*":(\d+)|^(\d+)$/g),
      ];
      for (const [, inside, alone] of budgets)
        expect(Number(inside ?? alone)).toBeLessThan(outputTokens);
    }
  });
});

describe("a client's own fields", () => {
  it.each(["openai", "anthropic"])(
    "%s is spared a temperature that Sluice's thinking forbids",
    (engine) => {
      const wish = { ...ON, setsTemperature: true };
      const entry = { has: ["effort", "thinking-switch", "temperature"] as const };
      const compiled = compileFor(engine, wish, entry);
      expect(compiled.drops).toEqual(["temperature"]);
      expect(compiled.knobs.at(-1)).toMatchObject({ knob: "temperature", fidelity: "off" });
    },
  );

  it.each([
    ["without thinking", { ...OFF, setsTemperature: true }, "openai"],
    ["that drove thinking itself", { ...AS_SENT, setsTemperature: true }, "openai"],
    ["of an engine that only ignores it", { ...ON, setsTemperature: true }, "deepseek"],
    ["of one that takes it", { ...ON, setsTemperature: true }, "vllm"],
  ])("keep the temperature %s", (_, intent, engine) => {
    const entry = { has: ["effort", "thinking-switch", "temperature"] as const };
    expect(compileFor(engine, intent, entry).drops).toEqual([]);
  });

  it.each([
    ["anthropic", ["reasoning_effort"]],
    ["dashscope", ["reasoning_effort"]],
    // It has the field, so the client's is written over instead.
    ["deepseek", []],
  ])("of %s give way to an effort in its own words", (engine, drops) => {
    const wish: Intent = { ...ON, effort: "high", replacesEffort: true };
    expect(compileFor(engine, wish, { has: CAPABILITIES }).drops).toEqual(drops);
  });
});
