// From a rung to a body: what is asked, what is offered to the ledger, and what the hold then lets out.
import { describe, expect, it } from "vitest";
import type { Capability, Catalog } from "../../../policies/catalog.ts";
import type { Rung } from "../../../policies/choice.ts";
import type { Arm, Mode } from "../../../policies/mode.ts";
import type { Ask } from "../../../worker/dialect/dialect.ts";
import {
  finish,
  offerOf,
  prepare,
  tokensBeyond,
  type Preparation,
} from "../../../worker/prepare.ts";
import type { CallOrder } from "../../../worker/strategy/strategy.ts";
import { strategyOf } from "../../../worker/strategy/table.ts";
import { askFor, catalogOf, holdOf, policyOf, rungOf } from "./a-request.ts";

const ANSWER: CallOrder = { purpose: "answer" };
const ALL: readonly Capability[] = [
  "thinking-switch",
  "thinking-cap",
  "temperature",
  "cache-salt",
  "stream-usage",
];

/** A model that reads a million tokens. */
const LARGE = catalogOf(ALL, "vllm", { contextTokens: 1_000_000 });

interface Given {
  readonly ask?: Ask;
  readonly rung?: Rung;
  readonly order?: CallOrder;
  readonly catalog?: Catalog;
  readonly policy?: object;
  readonly previous?: Arm;
  readonly promptKey?: string;
}

function prepared(given: Given = {}): Preparation {
  const preparation = prepare(given.rung ?? rungOf("small", "long"), {
    ask: given.ask ?? askFor(),
    catalog: given.catalog ?? catalogOf(ALL),
    policy: policyOf(given.policy),
    order: given.order ?? ANSWER,
    previous: given.previous ?? null,
    strategyOf,
  });
  if (preparation === null) throw new Error("The catalog does not hold the model.");
  return preparation;
}

function sent(
  given: Given,
  outputTokens: number,
): { body: Record<string, unknown>; knobs: Record<string, string> } {
  const { body, knobs } = finish(
    prepared(given),
    holdOf(outputTokens),
    given.order ?? ANSWER,
    "salt",
    given.promptKey,
  );
  return {
    body: JSON.parse(body) as Record<string, unknown>,
    knobs: Object.fromEntries(knobs.map(({ knob, fidelity }) => [knob, fidelity])),
  };
}

describe("a preparation", () => {
  it("is null when the catalog no longer holds the model", () => {
    const context = {
      ask: askFor(),
      catalog: catalogOf([]),
      policy: policyOf(),
      order: ANSWER,
      previous: null,
      strategyOf,
    };
    expect(prepare(rungOf("gone", "long"), context)).toBeNull();
  });

  it.each<{ name: string; given: Given; outputTokens: number }>([
    { name: "what the client asked", given: { ask: askFor({ max_tokens: 77 }) }, outputTokens: 77 },
    {
      name: "the larger of two bounds",
      given: { ask: askFor({ max_tokens: 1, max_completion_tokens: 500 }) },
      outputTokens: 500,
    },
    {
      name: "the model's most, when the client asked for more",
      given: { ask: askFor({ max_tokens: 9000 }) },
      outputTokens: 6000,
    },
    {
      name: "the policy's cap of the mode, when the client set none",
      given: {
        rung: rungOf("small", "short"),
        policy: { capTokens: { direct: 20, short: 30, code: 40, long: 50 } },
      },
      outputTokens: 30,
    },
    {
      name: "the policy's widest cap without a mode",
      given: {
        rung: rungOf("small", null),
        policy: { capTokens: { direct: 20, short: 30, code: 40, long: 50 } },
      },
      outputTokens: 50,
    },
    {
      name: "the order's bound when it is lower",
      given: { order: { purpose: "outline", outputTokens: 200 } },
      outputTokens: 200,
    },
    {
      name: "the client's when the order's bound is higher",
      given: { ask: askFor({ max_tokens: 7 }), order: { purpose: "outline", outputTokens: 200 } },
      outputTokens: 7,
    },
  ])("wants $name", ({ given, outputTokens }) => {
    expect(prepared(given).draft.outputTokens).toBe(outputTokens);
  });

  it("leaves room for the prompt in a bound of its own, by an even guess, and says so", () => {
    const ask = askFor({ messages: [{ role: "user", content: "words ".repeat(2500) }] });
    const { draft, inputTokens } = prepared({ ask });
    const room = 8192 - Math.ceil(ask.inputBytes / 3.7);
    expect(draft.outputTokens).toBe(room);
    // What is held for the prompt is the careful guess; by that one the answer would have been cut short.
    expect(room).toBeGreaterThan(8192 - inputTokens);
    expect(draft.knobs).toEqual([
      expect.objectContaining({ knob: "output-cap", fidelity: "approx" }),
    ]);
  });

  it("leaves it to the engine to say that a prompt does not fit, instead of cutting the answer to nothing", () => {
    const ask = askFor({ messages: [{ role: "user", content: "words ".repeat(6000) }] });
    expect(prepared({ ask }).draft.outputTokens).toBe(1024);
  });

  it("says when the catalog lowers what the client asked for", () => {
    const { draft } = prepared({ ask: askFor({ max_tokens: 100_000 }) });
    expect(draft.outputTokens).toBe(6000);
    expect(draft.knobs).toEqual([
      expect.objectContaining({ knob: "output-cap", reason: expect.stringContaining("100000") }),
    ]);
  });

  it("names a strategy that nobody knows instead of passing it over", () => {
    const { draft } = prepared({ rung: rungOf("small", "long", "utility", ["no-such"]) });
    expect(draft.knobs).toEqual([
      { knob: "strategy", fidelity: "off", reason: 'no strategy is called "no-such"' },
    ]);
  });

  it("leaves a bound of the client's own to the engine to refuse", () => {
    const ask = askFor({
      messages: [{ role: "user", content: "x".repeat(15_000) }],
      max_tokens: 6000,
    });
    expect(prepared({ ask }).draft.outputTokens).toBe(6000);
  });

  it("counts a picture, and never as nothing", () => {
    const picture = { type: "image_url", image_url: { url: "https://x/y.png" } };
    const ask = askFor({ messages: [{ role: "user", content: [picture] }] });
    expect(prepared({ ask }).inputTokens - prepared().inputTokens).toBeGreaterThan(1000);
  });

  it("counts sound, films and files by their length", () => {
    const of = (chars: number): number => {
      const part = { type: "file", file: { file_data: "QUJD".repeat(chars / 4) } };
      const ask = askFor({ messages: [{ role: "user", content: [part] }] });
      return prepared({ ask, catalog: LARGE }).inputTokens;
    };
    expect(of(40_000) - of(4000)).toBe(18_000);
  });

  it("holds what the model reads where the body sets no bound, and never more than that", () => {
    const template = askFor({ chat_template: "{{ messages }}" });
    expect(prepared({ ask: template }).inputTokens).toBe(8192);
    expect(prepared({ ask: template, catalog: LARGE }).inputTokens).toBe(1_000_000);
    const long = askFor({ messages: [{ role: "user", content: "1".repeat(50_000) }] });
    expect(prepared({ ask: long }).inputTokens).toBe(8192);
    expect(prepared({ ask: long, catalog: LARGE }).inputTokens).toBeGreaterThan(50_000);
  });

  it("is told apart when it is more than the model reads whatever it is worth", () => {
    const of = (content: string): number | null =>
      tokensBeyond(prepared({ ask: askFor({ messages: [{ role: "user", content }] }) }));
    expect(of("1".repeat(60_000))).toBeNull();
    expect(of("1".repeat(80_000))).toBeGreaterThan(8192);
    // A file's length says little of its tokens.
    const part = { type: "file", file: { file_data: "QUJD".repeat(500_000) } };
    expect(
      tokensBeyond(prepared({ ask: askFor({ messages: [{ role: "user", content: [part] }] }) })),
    ).toBeNull();
  });

  it("counts its own notes, by their characters", () => {
    const of = (note: string): number =>
      prepared({ order: { purpose: "answer", notes: [note] } }).inputTokens;
    expect(of("a".repeat(300)) - prepared().inputTokens).toBeGreaterThan(99);
    expect(of("\u6f22".repeat(300)) - of("a".repeat(300))).toBeGreaterThan(199);
  });
});

describe("an offer of a mode", () => {
  it.each([
    ["direct", 64],
    ["short", 128],
    ["code", 256],
    ["long", 512],
  ] as const)("%s is useless below %i tokens, unless the client wants fewer", (mode, least) => {
    const rung = rungOf("small", mode);
    expect(offerOf(prepared({ rung }), 0, true).outputTokensMin).toBe(least);
    const ask = askFor({ max_tokens: 5 });
    expect(offerOf(prepared({ rung, ask }), 0, true).outputTokensMin).toBe(5);
  });
});

describe("an offer", () => {
  it("is for all answers that were asked for", () => {
    const offer = offerOf(prepared({ ask: askFor({ n: 3, max_tokens: 1000 }) }), 2, true);
    expect(offer).toMatchObject({
      rung: 2,
      arm: "small/long",
      outputTokens: 3000,
      outputTokensMin: 3 * 512,
      priceVersion: "p1",
      inputNanosPerMtok: 10,
      outputNanosPerMtok: 20,
    });
  });

  it("asks for no more at least than it asks for at most", () => {
    expect(offerOf(prepared({ ask: askFor({ max_tokens: 5 }) }), 0, true)).toMatchObject({
      outputTokens: 5,
      outputTokensMin: 5,
    });
  });

  it("of a stream is held in slices by what the choice expects, and whole where it cannot be stopped", () => {
    const ask = askFor({ max_tokens: 4000 });
    const expecting = (outputTokens: number): Preparation => {
      const rung = rungOf("small", "long");
      return prepared({ ask, rung: { ...rung, estimate: { ...rung.estimate, outputTokens } } });
    };
    expect(offerOf(expecting(400), 0, true)).toMatchObject({
      outputTokens: 4000,
      sliceTokens: 600,
    });
    expect(offerOf(expecting(400), 0, false).sliceTokens).toBe(4000);
    const billing = expecting(400);
    const upstream = { ...billing.upstream, billsCancelled: true };
    expect(offerOf({ ...billing, upstream }, 0, true).sliceTokens).toBe(4000);
  });

  it("prices what is written to a cache as other input, unless the catalog says otherwise", () => {
    expect(offerOf(prepared(), 0, true).cacheWriteNanosPerMtok).toBe(10);
    const plain = prepared();
    const prices = { ...plain.model.prices!, cacheWriteNanosPerMtok: 13 };
    const dearer = { ...plain, model: { ...plain.model, prices } };
    expect(offerOf(dearer, 0, true).cacheWriteNanosPerMtok).toBe(13);
  });

  it("of a model without prices costs no money", () => {
    expect(offerOf(prepared({ rung: rungOf("unpriced", "long") }), 0, true)).toMatchObject({
      priceVersion: null,
      inputNanosPerMtok: 0,
      outputNanosPerMtok: 0,
    });
  });
});

describe("what goes out", () => {
  it("names the upstream's own model and holds the cap that the hold affords", () => {
    const { body, knobs } = sent({}, 500);
    expect(body).toMatchObject({
      model: "org/small",
      max_completion_tokens: 500,
      cache_salt: "salt",
    });
    expect(knobs["output-cap"]).toBe("approx");
  });

  it("says nothing of a cap that the budget did not lower", () => {
    expect(sent({ ask: askFor({ max_tokens: 500 }) }, 500).knobs["output-cap"]).toBeUndefined();
  });

  it("shares the held tokens among the answers, and asks for one at least", () => {
    expect(sent({ ask: askFor({ n: 3, max_tokens: 500 }) }, 301).body["max_tokens"]).toBe(100);
    expect(sent({ ask: askFor({ n: 3, max_tokens: 500 }) }, 2).body["max_tokens"]).toBe(1);
  });

  it.each<{ mode: Mode | null; isOn: boolean | null }>([
    { mode: "direct", isOn: false },
    { mode: "short", isOn: false },
    { mode: "code", isOn: false },
    { mode: "long", isOn: true },
    { mode: null, isOn: null },
  ])("thinks as the mode $mode wants", ({ mode, isOn }) => {
    const { body } = sent({ rung: rungOf("small", mode) }, 1000);
    expect(body["chat_template_kwargs"]).toEqual(
      isOn === null ? undefined : { enable_thinking: isOn },
    );
    expect(body["thinking_token_budget"]).toBe(isOn === true ? 750 : undefined);
  });

  it.each([
    { fields: { reasoning_effort: "none" } },
    { fields: { chat_template_kwargs: { enable_thinking: true } } },
    { fields: { thinking: { type: "enabled" } } },
    { fields: { reasoning: { effort: "low" } } },
  ])("leaves thinking alone where the client set $fields", ({ fields }) => {
    const { body } = sent({ ask: askFor(fields) }, 1000);
    expect(body).toMatchObject(fields);
    expect("chat_template_kwargs" in body).toBe("chat_template_kwargs" in fields);
    expect(body).not.toHaveProperty("thinking_token_budget");
  });

  it("asks for usage where the model is declared to give it, and says so where it is not", () => {
    const ask = askFor({ stream: true });
    expect(sent({ ask }, 10).body["stream_options"]).toEqual({ include_usage: true });
    const { body, knobs } = sent({ ask, catalog: catalogOf([]) }, 10);
    expect(body).not.toHaveProperty("stream_options");
    expect(knobs["stream-usage"]).toBe("off");
  });

  it("does not stream where the order wants a whole answer", () => {
    const { body } = sent(
      { ask: askFor({ stream: true }), order: { purpose: "outline", isStream: false } },
      10,
    );
    expect(body["stream"]).toBe(false);
    expect(body).not.toHaveProperty("stream_options");
  });

  it("holds nothing that an engine without capabilities was not declared to read", () => {
    const { body } = sent(
      { catalog: catalogOf([], "generic"), rung: rungOf("small", "direct") },
      10,
    );
    expect(Object.keys(body)).toEqual(["model", "messages", "max_tokens"]);
  });

  it("names the prompt where it is told a name, and leaves a client's own as it is", () => {
    const given = { catalog: catalogOf([], "openai"), rung: rungOf("small", "direct") };
    const named = sent({ ...given, promptKey: "sluice-1" }, 10);
    expect(named.body["prompt_cache_key"]).toBe("sluice-1");
    expect(named.knobs["prompt-cache-key"]).toBe("approx");
    const own = sent(
      { ...given, ask: askFor({ prompt_cache_key: "mine" }), promptKey: "sluice-1" },
      10,
    );
    expect(own.body["prompt_cache_key"]).toBe("mine");
    expect(own.knobs["prompt-cache-key"]).toBe("off");
    const none = sent(given, 10);
    expect(none.body).not.toHaveProperty("prompt_cache_key");
    expect(none.knobs).not.toHaveProperty("prompt-cache-key");
  });
});
