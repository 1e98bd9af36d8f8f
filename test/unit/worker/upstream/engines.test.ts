// What each engine is sent for a wish, and what is said of a wish that it cannot fulfil.
import { describe, expect, it } from "vitest";
import { CAPABILITIES, type Capability } from "../../../../policies/catalog.ts";
import type { Fidelity, Intent, Knob } from "../../../../worker/upstream/engine.ts";
import { engineOf } from "../../../../worker/upstream/table.ts";
import { HEEDED } from "../../../../worker/upstream/wire/fields.ts";
import { AS_SENT, CAPPED, compileFor, MUCH, OFF, ON, type Entry } from "./an-intent.ts";

const WARM: Intent = { ...AS_SENT, temperature: 0.5 };
const SALTED: Intent = { ...AS_SENT, cacheSalt: "s" };
const NAMED: Intent = { ...AS_SENT, promptKey: "k" };
const OWN_NAME: Intent = { ...NAMED, setsPromptKey: true };
const WHOLE = { isStream: false };

type Fields = Readonly<Record<string, unknown>>;
type Knobs = Readonly<Partial<Record<Knob["knob"], Fidelity>>>;
type Row = readonly [wish: string, intent: Intent, entry: Entry, fields: Fields, knobs: Knobs];

const switchOf = (isOn: boolean): Fields => ({ chat_template_kwargs: { enable_thinking: isOn } });
const has = (...capabilities: readonly Capability[]): Entry => ({ has: capabilities });
const ALL = has(...CAPABILITIES);
const SWITCH = has("thinking-switch");
const EFFORT = has("effort");
const BOTH = has("thinking-switch", "thinking-cap");
const ALWAYS: Entry = { has: CAPABILITIES, thinking: "always" };

const TEMPLATE_ROWS: readonly Row[] = [
  ["no thinking", OFF, SWITCH, switchOf(false), { thinking: "exact" }],
  ["no thinking", OFF, EFFORT, { reasoning_effort: "none" }, { thinking: "exact" }],
  ["no thinking", OFF, has(), {}, { thinking: "off" }],
  [
    "no thinking of one that always does",
    OFF,
    { ...SWITCH, thinking: "always" },
    {},
    { thinking: "off" },
  ],
  [
    "no thinking of one that never does",
    OFF,
    { ...SWITCH, thinking: "never" },
    {},
    { thinking: "exact" },
  ],
  ["capped thinking", CAPPED, SWITCH, switchOf(true), { thinking: "exact", "thinking-cap": "off" }],
  [
    "much thinking",
    MUCH,
    has("thinking-switch", "effort"),
    { ...switchOf(true), reasoning_effort: "high" },
    { thinking: "exact", effort: "approx" },
  ],
  ["much thinking", MUCH, SWITCH, switchOf(true), { thinking: "exact", effort: "off" }],
  [
    "much thinking",
    MUCH,
    EFFORT,
    { reasoning_effort: "high" },
    { thinking: "approx", effort: "approx" },
  ],
  ["a salt", SALTED, has("cache-salt"), { cache_salt: "s" }, { "cache-salt": "exact" }],
];

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  vllm: [
    ...TEMPLATE_ROWS,
    [
      "capped thinking",
      CAPPED,
      BOTH,
      { ...switchOf(true), thinking_token_budget: 3000 },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    [
      "capped thinking of one that always does",
      CAPPED,
      { has: ["thinking-cap"], thinking: "always" },
      { thinking_token_budget: 3000 },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    ["warmth", WARM, has("temperature"), { temperature: 0.5 }, { temperature: "proxy" }],
    ["warmth", WARM, has(), {}, { temperature: "off" }],
    ["a salt", SALTED, has(), {}, { "cache-salt": "off" }],
  ],
  sglang: [
    ...TEMPLATE_ROWS,
    [
      "capped thinking",
      CAPPED,
      BOTH,
      { ...switchOf(true), custom_params: { thinking_budget: 3000 } },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
  ],
  "llama.cpp": [
    ["no thinking", OFF, SWITCH, switchOf(false), { thinking: "exact" }],
    ["no thinking", OFF, has("thinking-cap"), { thinking_budget_tokens: 0 }, { thinking: "exact" }],
    ["no thinking", OFF, EFFORT, {}, { thinking: "off" }],
    [
      "capped thinking",
      CAPPED,
      BOTH,
      { ...switchOf(true), thinking_budget_tokens: 3000 },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    ["much thinking", MUCH, ALL, switchOf(true), { thinking: "exact", effort: "off" }],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
  ],
  ollama: [
    ["no thinking", OFF, EFFORT, { reasoning_effort: "none" }, { thinking: "exact" }],
    ["no thinking", OFF, SWITCH, { reasoning_effort: "none" }, { thinking: "exact" }],
    ["no thinking", OFF, has(), {}, { thinking: "off" }],
    [
      "no thinking of one that always does",
      OFF,
      ALWAYS,
      { reasoning_effort: "low" },
      { thinking: "approx" },
    ],
    // A model that cannot think refuses any level, so a switch alone sends none.
    ["thinking", ON, SWITCH, {}, { thinking: "approx" }],
    [
      "capped thinking",
      CAPPED,
      ALL,
      { reasoning_effort: "medium" },
      { thinking: "approx", "thinking-cap": "off" },
    ],
    ["much thinking", MUCH, SWITCH, {}, { thinking: "approx", effort: "off" }],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
  ],
  openai: [
    ["no thinking", OFF, EFFORT, { reasoning_effort: "none" }, { thinking: "exact" }],
    ["no thinking", OFF, SWITCH, {}, { thinking: "off" }],
    [
      "no thinking of one without none",
      OFF,
      { ...EFFORT, efforts: ["minimal", "low", "medium", "high"] },
      { reasoning_effort: "minimal" },
      { thinking: "approx" },
    ],
    [
      "capped thinking",
      CAPPED,
      ALL,
      { reasoning_effort: "medium" },
      { thinking: "approx", "thinking-cap": "off" },
    ],
    [
      "the most thinking",
      { ...ON, effort: "max" },
      { ...EFFORT, efforts: ["none", "low", "xhigh"] },
      { reasoning_effort: "xhigh" },
      { thinking: "approx", effort: "approx" },
    ],
    [
      "warm thinking",
      { ...WARM, thinking: "on" },
      has("effort", "temperature"),
      { reasoning_effort: "medium" },
      { thinking: "approx", temperature: "off" },
    ],
    ["warmth while it may think", WARM, has("effort", "temperature"), {}, { temperature: "off" }],
    [
      "warmth without thinking",
      { ...WARM, thinking: "off" },
      has("effort", "temperature"),
      { reasoning_effort: "none", temperature: 0.5 },
      { thinking: "exact", temperature: "proxy" },
    ],
    [
      "warmth and the least thinking",
      { ...WARM, thinking: "off" },
      { ...has("effort", "temperature"), efforts: ["minimal", "low"] },
      { reasoning_effort: "minimal" },
      { thinking: "approx", temperature: "off" },
    ],
    [
      "warmth of one that never thinks",
      WARM,
      has("temperature"),
      { temperature: 0.5 },
      { temperature: "proxy" },
    ],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
    [
      "a name for its prompt",
      NAMED,
      has(),
      { prompt_cache_key: "k" },
      { "prompt-cache-key": "approx" },
    ],
    ["a name beside the client's", OWN_NAME, has(), {}, { "prompt-cache-key": "off" }],
  ],
  deepseek: [
    ["no thinking", OFF, SWITCH, { thinking: { type: "disabled" } }, { thinking: "exact" }],
    ["no thinking", OFF, EFFORT, {}, { thinking: "off" }],
    [
      "capped thinking",
      CAPPED,
      ALL,
      { thinking: { type: "enabled" } },
      { thinking: "exact", "thinking-cap": "off" },
    ],
    [
      "some thinking",
      { ...ON, effort: "medium" },
      has("thinking-switch", "effort"),
      { thinking: { type: "enabled" }, reasoning_effort: "low" },
      { thinking: "exact", effort: "approx" },
    ],
    [
      "warm thinking",
      { ...WARM, thinking: "on" },
      has("thinking-switch", "temperature"),
      { thinking: { type: "enabled" } },
      { thinking: "exact", temperature: "off" },
    ],
    [
      "warmth without thinking",
      { ...WARM, thinking: "off" },
      has("thinking-switch", "temperature"),
      { thinking: { type: "disabled" }, temperature: 0.5 },
      { thinking: "exact", temperature: "proxy" },
    ],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
    ["a name for its prompt", NAMED, ALL, {}, { "prompt-cache-key": "off" }],
  ],
  dashscope: [
    ["no thinking", OFF, SWITCH, { enable_thinking: false }, { thinking: "exact" }],
    ["no thinking of one that always does", OFF, ALWAYS, {}, { thinking: "off" }],
    [
      "capped thinking",
      CAPPED,
      BOTH,
      { enable_thinking: true, thinking_budget: 3000 },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    [
      "thinking beyond what the model can",
      CAPPED,
      { ...BOTH, thinkingTokensMax: 2000 },
      { enable_thinking: true, thinking_budget: 2000 },
      { thinking: "exact", "thinking-cap": "approx" },
    ],
    [
      "capped thinking in one piece",
      { ...CAPPED, ...WHOLE },
      BOTH,
      { enable_thinking: false },
      { thinking: "off", "thinking-cap": "off" },
    ],
    [
      "thinking in one piece, declared",
      { ...ON, ...WHOLE },
      has("thinking-switch", "thinking-unstreamed"),
      { enable_thinking: true },
      { thinking: "exact" },
    ],
    [
      "capped thinking of one that always does",
      CAPPED,
      { ...BOTH, thinking: "always" },
      { thinking_budget: 3000 },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    ["much thinking", MUCH, ALL, { enable_thinking: true }, { thinking: "exact", effort: "off" }],
  ],
  anthropic: [
    ["no thinking", OFF, SWITCH, { thinking: { type: "disabled" } }, { thinking: "exact" }],
    ["no thinking of one that always does", OFF, ALWAYS, {}, { thinking: "off" }],
    ["thinking", ON, SWITCH, { thinking: { type: "adaptive" } }, { thinking: "approx" }],
    [
      "capped thinking",
      CAPPED,
      SWITCH,
      { thinking: { type: "adaptive" } },
      { thinking: "approx", "thinking-cap": "off" },
    ],
    [
      "capped thinking",
      CAPPED,
      BOTH,
      { thinking: { type: "enabled", budget_tokens: 3000 } },
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    [
      "thinking of one that wants a budget",
      ON,
      BOTH,
      { thinking: { type: "enabled", budget_tokens: 3000 } },
      { thinking: "exact" },
    ],
    [
      "less thinking than it takes",
      { ...CAPPED, thinkingTokensMax: 900, outputTokens: 1200 },
      BOTH,
      { thinking: { type: "enabled", budget_tokens: 1024 } },
      { thinking: "exact", "thinking-cap": "approx" },
    ],
    [
      "thinking in an answer that has no room for it",
      { ...CAPPED, thinkingTokensMax: 768, outputTokens: 1024 },
      BOTH,
      { thinking: { type: "disabled" } },
      { thinking: "off", "thinking-cap": "off" },
    ],
    [
      "warm thinking",
      { ...WARM, thinking: "on" },
      has("thinking-switch", "temperature"),
      { thinking: { type: "adaptive" } },
      { thinking: "approx", temperature: "off" },
    ],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
  ],
  gemini: [
    ["no thinking", OFF, EFFORT, { reasoning_effort: "none" }, { thinking: "exact" }],
    ["no thinking", OFF, has("thinking-cap"), budgetOf(0), { thinking: "exact" }],
    [
      "no thinking of one that has a least",
      OFF,
      { has: ["thinking-cap"], thinkingTokensMin: 128 },
      budgetOf(128),
      { thinking: "approx" },
    ],
    [
      "no thinking of one without none",
      OFF,
      { ...EFFORT, efforts: ["low", "high"] },
      { reasoning_effort: "low" },
      { thinking: "approx" },
    ],
    [
      "capped thinking",
      CAPPED,
      has("effort", "thinking-cap"),
      budgetOf(3000),
      { thinking: "exact", "thinking-cap": "exact" },
    ],
    [
      "capped thinking",
      CAPPED,
      EFFORT,
      { reasoning_effort: "medium" },
      { thinking: "approx", "thinking-cap": "off" },
    ],
    [
      "much capped thinking",
      { ...CAPPED, effort: "high" },
      has("effort", "thinking-cap"),
      budgetOf(3000),
      { thinking: "exact", effort: "off", "thinking-cap": "exact" },
    ],
    ["thinking", ON, has("thinking-cap"), budgetOf(-1), { thinking: "exact" }],
  ],
  openrouter: [
    ["no thinking", OFF, EFFORT, { reasoning: { effort: "none" } }, { thinking: "exact" }],
    ["no thinking", OFF, SWITCH, { reasoning: { enabled: false } }, { thinking: "exact" }],
    [
      "no thinking of one that always does",
      OFF,
      { ...SWITCH, thinking: "always" },
      {},
      { thinking: "off" },
    ],
    ["thinking", ON, SWITCH, { reasoning: { enabled: true } }, { thinking: "approx" }],
    [
      "capped thinking",
      CAPPED,
      ALL,
      { reasoning: { max_tokens: 3000 } },
      { thinking: "approx", "thinking-cap": "approx" },
    ],
    [
      "much thinking",
      MUCH,
      EFFORT,
      { reasoning: { effort: "high" } },
      { thinking: "approx", effort: "approx" },
    ],
  ],
  "workers-ai": [
    ...TEMPLATE_ROWS.slice(0, -1),
    [
      "no thinking of one with efforts that always does",
      OFF,
      { ...EFFORT, thinking: "always" },
      { reasoning_effort: "low" },
      { thinking: "approx" },
    ],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
  ],
  generic: [
    ["no thinking", OFF, ALL, {}, { thinking: "off" }],
    [
      "much capped thinking",
      { ...CAPPED, effort: "high" },
      ALL,
      {},
      { thinking: "off", effort: "off", "thinking-cap": "off" },
    ],
    ["warmth", WARM, has("temperature"), { temperature: 0.5 }, { temperature: "proxy" }],
    ["a salt", SALTED, ALL, {}, { "cache-salt": "off" }],
    [
      "a name for its prompt",
      NAMED,
      has(),
      { prompt_cache_key: "k" },
      { "prompt-cache-key": "approx" },
    ],
    ["a name beside the client's", OWN_NAME, has(), {}, { "prompt-cache-key": "off" }],
  ],
};

function budgetOf(tokens: number): Fields {
  return { extra_body: { google: { thinking_config: { thinking_budget: tokens } } } };
}

const ENGINES = Object.keys(ROWS);
const CASES = ENGINES.flatMap((engine) =>
  (ROWS[engine] ?? []).map(([wish, intent, entry, fields, knobs]) => ({
    engine,
    wish,
    intent,
    entry,
    fields,
    knobs,
  })),
);

describe("an engine", () => {
  it.each(CASES)(
    "$engine is asked for $wish ($entry)",
    ({ engine, intent, entry, fields, knobs }) => {
      const compiled = compileFor(engine, intent, entry);
      expect({
        fields: Object.fromEntries(
          Object.entries(compiled.fields).map(([name, text]) => [
            name,
            JSON.parse(text) as unknown,
          ]),
        ),
        knobs: Object.fromEntries(compiled.knobs.map(({ knob, fidelity }) => [knob, fidelity])),
      }).toEqual({ fields, knobs });
    },
  );

  it.each(["", "toString", "__proto__", "constructor", "VLLM"])(
    "that is not known (%j) is generic",
    (id) => {
      expect(engineOf(id).id).toBe("generic");
    },
  );

  it("goes by its own name", () => {
    expect(ENGINES.map((id) => engineOf(id).id)).toEqual(ENGINES);
  });

  it("sets no field that a client could set as well, in another case", () => {
    const set = new Set(CASES.flatMap(({ fields }) => Object.keys(fields)));
    expect([...set].filter((name) => !HEEDED.has(name))).toEqual([]);
    expect(set.size).toBeGreaterThan(5);
  });

  it("bounds its output by a field that it reads", () => {
    const newer = ENGINES.filter((id) => engineOf(id).capField === "max_completion_tokens");
    expect(newer).toEqual(["vllm", "sglang", "openai"]);
    const both = ENGINES.filter((id) => engineOf(id).readsEitherCapField === true);
    expect(both).toEqual(["vllm", "sglang", "generic"]);
  });
});
