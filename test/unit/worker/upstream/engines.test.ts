// What each engine is sent for a wish, and what is said of a wish that it cannot fulfil.
import { describe, expect, it } from "vitest";
import { CAPABILITIES, type Capability } from "../../../../policies/catalog.ts";
import type { Fidelity, Intent, Knob } from "../../../../worker/upstream/engine.ts";
import { engineOf } from "../../../../worker/upstream/table.ts";

const AS_SENT: Intent = {
  thinking: "as-sent",
  effort: null,
  thinkingTokensMax: null,
  temperature: null,
  cacheSalt: null,
};
const OFF: Intent = { ...AS_SENT, thinking: "off" };
const ON: Intent = { ...AS_SENT, thinking: "on", thinkingTokensMax: 300 };
const WARM: Intent = { ...AS_SENT, temperature: 0.5 };
const SALTED: Intent = { ...AS_SENT, cacheSalt: "s" };

function compile(engine: string, intent: Intent, capabilities: readonly Capability[]) {
  const { fields, knobs } = engineOf(engine).compile(intent, (capability) =>
    capabilities.includes(capability),
  );
  return { fields, knobs: Object.fromEntries(knobs.map(({ knob, fidelity }) => [knob, fidelity])) };
}

interface Row {
  readonly engine: string;
  readonly wish: string;
  readonly intent: Intent;
  readonly has: readonly Capability[];
  readonly fields: Readonly<Record<string, string>>;
  readonly knobs: Readonly<Partial<Record<Knob["knob"], Fidelity>>>;
}

const SWITCH_ON = '{"enable_thinking":true}';
const SWITCH_OFF = '{"enable_thinking":false}';

const ROWS: readonly Row[] = [
  { engine: "vllm", wish: "nothing", intent: AS_SENT, has: CAPABILITIES, fields: {}, knobs: {} },
  {
    engine: "vllm",
    wish: "no thinking",
    intent: OFF,
    has: ["thinking-switch"],
    fields: { chat_template_kwargs: SWITCH_OFF },
    knobs: { thinking: "exact" },
  },
  {
    engine: "vllm",
    wish: "no thinking",
    intent: OFF,
    has: ["effort"],
    fields: { reasoning_effort: '"none"' },
    knobs: { thinking: "exact" },
  },
  {
    engine: "vllm",
    wish: "no thinking",
    intent: OFF,
    has: [],
    fields: {},
    knobs: { thinking: "off" },
  },
  {
    engine: "vllm",
    wish: "capped thinking",
    intent: ON,
    has: ["thinking-switch", "thinking-cap"],
    fields: { chat_template_kwargs: SWITCH_ON, thinking_token_budget: "300" },
    knobs: { thinking: "exact", "thinking-cap": "exact" },
  },
  {
    engine: "vllm",
    wish: "capped thinking",
    intent: ON,
    has: ["thinking-switch"],
    fields: { chat_template_kwargs: SWITCH_ON },
    knobs: { thinking: "exact", "thinking-cap": "off" },
  },
  {
    engine: "vllm",
    wish: "little thinking",
    intent: { ...ON, thinkingTokensMax: null, effort: "low" },
    has: ["thinking-switch", "effort"],
    fields: { chat_template_kwargs: SWITCH_ON, reasoning_effort: '"low"' },
    knobs: { thinking: "exact", effort: "approx" },
  },
  {
    engine: "vllm",
    wish: "little thinking",
    intent: { ...ON, thinkingTokensMax: null, effort: "low" },
    has: ["thinking-switch"],
    fields: { chat_template_kwargs: SWITCH_ON },
    knobs: { thinking: "exact", effort: "off" },
  },
  {
    engine: "vllm",
    wish: "a temperature",
    intent: WARM,
    has: ["temperature"],
    fields: { temperature: "0.5" },
    knobs: { temperature: "proxy" },
  },
  {
    engine: "vllm",
    wish: "a temperature",
    intent: WARM,
    has: [],
    fields: {},
    knobs: { temperature: "off" },
  },
  {
    engine: "vllm",
    wish: "a salt",
    intent: SALTED,
    has: ["cache-salt"],
    fields: { cache_salt: '"s"' },
    knobs: { "cache-salt": "exact" },
  },
  {
    engine: "vllm",
    wish: "a salt",
    intent: SALTED,
    has: [],
    fields: {},
    knobs: { "cache-salt": "off" },
  },

  { engine: "openai", wish: "nothing", intent: AS_SENT, has: CAPABILITIES, fields: {}, knobs: {} },
  {
    engine: "openai",
    wish: "no thinking",
    intent: OFF,
    has: ["effort"],
    fields: { reasoning_effort: '"none"' },
    knobs: { thinking: "exact" },
  },
  {
    engine: "openai",
    wish: "no thinking",
    intent: OFF,
    has: ["thinking-switch"],
    fields: {},
    knobs: { thinking: "off" },
  },
  {
    engine: "openai",
    wish: "capped thinking",
    intent: ON,
    has: CAPABILITIES,
    fields: { reasoning_effort: '"medium"' },
    knobs: { thinking: "approx", "thinking-cap": "off" },
  },
  {
    engine: "openai",
    wish: "a temperature while it thinks",
    intent: { ...WARM, thinking: "on" },
    has: ["effort", "temperature"],
    fields: { reasoning_effort: '"medium"' },
    knobs: { thinking: "approx", temperature: "off" },
  },
  {
    engine: "openai",
    wish: "a temperature while it may think",
    intent: WARM,
    has: ["effort", "temperature"],
    fields: {},
    knobs: { temperature: "off" },
  },
  {
    engine: "openai",
    wish: "a temperature without thinking",
    intent: { ...WARM, thinking: "off" },
    has: ["effort", "temperature"],
    fields: { reasoning_effort: '"none"', temperature: "0.5" },
    knobs: { thinking: "exact", temperature: "proxy" },
  },
  {
    engine: "openai",
    wish: "a temperature of a model that never thinks",
    intent: WARM,
    has: ["temperature"],
    fields: { temperature: "0.5" },
    knobs: { temperature: "proxy" },
  },
  {
    engine: "openai",
    wish: "a salt",
    intent: SALTED,
    has: CAPABILITIES,
    fields: {},
    knobs: { "cache-salt": "off" },
  },

  { engine: "ollama", wish: "nothing", intent: AS_SENT, has: CAPABILITIES, fields: {}, knobs: {} },
  {
    engine: "ollama",
    wish: "no thinking",
    intent: OFF,
    has: ["effort"],
    fields: { reasoning_effort: '"none"' },
    knobs: { thinking: "exact" },
  },
  {
    engine: "ollama",
    wish: "no thinking",
    intent: OFF,
    has: [],
    fields: {},
    knobs: { thinking: "off" },
  },
  {
    engine: "ollama",
    wish: "capped thinking",
    intent: ON,
    has: CAPABILITIES,
    fields: { reasoning_effort: '"medium"' },
    knobs: { thinking: "approx", "thinking-cap": "off" },
  },
  {
    engine: "ollama",
    wish: "much thinking",
    intent: { ...ON, effort: "high", thinkingTokensMax: null },
    has: ["effort"],
    fields: { reasoning_effort: '"high"' },
    knobs: { thinking: "approx" },
  },
  {
    engine: "ollama",
    wish: "a temperature",
    intent: WARM,
    has: ["temperature"],
    fields: { temperature: "0.5" },
    knobs: { temperature: "proxy" },
  },
  {
    engine: "ollama",
    wish: "a salt",
    intent: SALTED,
    has: CAPABILITIES,
    fields: {},
    knobs: { "cache-salt": "off" },
  },

  { engine: "generic", wish: "nothing", intent: AS_SENT, has: CAPABILITIES, fields: {}, knobs: {} },
  {
    engine: "generic",
    wish: "no thinking",
    intent: OFF,
    has: CAPABILITIES,
    fields: {},
    knobs: { thinking: "off" },
  },
  {
    engine: "generic",
    wish: "capped thinking",
    intent: ON,
    has: CAPABILITIES,
    fields: {},
    knobs: { thinking: "off", "thinking-cap": "off" },
  },
  {
    engine: "generic",
    wish: "a temperature",
    intent: WARM,
    has: ["temperature"],
    fields: { temperature: "0.5" },
    knobs: { temperature: "proxy" },
  },
  {
    engine: "generic",
    wish: "a salt",
    intent: SALTED,
    has: CAPABILITIES,
    fields: {},
    knobs: { "cache-salt": "off" },
  },
];

/** Every wish at once in every combination, for what must hold of all of them. */
const INTENTS: readonly Intent[] = (["on", "off", "as-sent"] as const).flatMap((thinking) =>
  ([null, "low", "high"] as const).flatMap((effort) =>
    [null, 100].flatMap((thinkingTokensMax) =>
      [null, 0.5].flatMap((temperature) =>
        [null, "s"].map((cacheSalt) => ({
          thinking,
          effort,
          thinkingTokensMax,
          temperature,
          cacheSalt,
        })),
      ),
    ),
  ),
);
const ENGINES = ["vllm", "openai", "ollama", "generic"];

/** The capability that each field of an engine needs; any one of several. */
const NEEDS: Readonly<Record<string, readonly Capability[]>> = {
  chat_template_kwargs: ["thinking-switch"],
  thinking_token_budget: ["thinking-cap"],
  reasoning_effort: ["effort"],
  temperature: ["temperature"],
  cache_salt: ["cache-salt"],
};

describe("an engine", () => {
  it.each(ROWS)(
    "$engine with $has is asked for $wish",
    ({ engine, intent, has, fields, knobs }) => {
      expect(compile(engine, intent, has)).toEqual({ fields, knobs });
    },
  );

  it.each(ENGINES)("%s is never sent what is not declared", (engine) => {
    for (let set = 0; set < 2 ** CAPABILITIES.length; set += 1) {
      const has = CAPABILITIES.filter((_, bit) => (set >> bit) % 2 === 1);
      for (const intent of INTENTS) {
        for (const field of Object.keys(compile(engine, intent, has).fields)) {
          expect(NEEDS[field]?.some((capability) => has.includes(capability)) ?? false).toBe(true);
        }
      }
    }
  });

  it.each(ENGINES)("%s says of every wish what became of it, and why", (engine) => {
    const sets: readonly (readonly Capability[])[] = [[], CAPABILITIES];
    for (const has of sets) {
      for (const intent of INTENTS) {
        const { knobs } = engineOf(engine).compile(intent, (capability) =>
          has.includes(capability),
        );
        const said = knobs.map(({ knob }) => knob);
        expect(new Set(said).size).toBe(said.length);
        expect(said.includes("thinking")).toBe(intent.thinking !== "as-sent");
        expect(said.includes("thinking-cap")).toBe(
          intent.thinking === "on" && intent.thinkingTokensMax !== null,
        );
        expect(said.includes("temperature")).toBe(intent.temperature !== null);
        expect(said.includes("cache-salt")).toBe(intent.cacheSalt !== null);
        for (const { reason } of knobs) expect(reason).not.toBe("");
      }
    }
  });

  it("sends fields that are JSON", () => {
    for (const engine of ENGINES) {
      for (const intent of INTENTS) {
        const { fields } = engineOf(engine).compile(intent, () => true);
        for (const text of Object.values(fields))
          expect(() => JSON.parse(text) as unknown).not.toThrow();
      }
    }
  });

  it.each(["sglang", "", "toString", "__proto__", "constructor"])(
    "that is not known (%j) is generic",
    (id) => {
      expect(engineOf(id).id).toBe("generic");
    },
  );

  it("bounds its output by the field that it reads", () => {
    expect(Object.fromEntries(ENGINES.map((id) => [id, engineOf(id).capField]))).toEqual({
      vllm: "max_completion_tokens",
      openai: "max_completion_tokens",
      ollama: "max_tokens",
      generic: "max_tokens",
    });
  });
});
