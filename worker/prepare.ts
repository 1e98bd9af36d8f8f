// From a rung to the body that its upstream gets: mode to intent, intent to the engine's knobs, caps, and the
// client's own text around them. Pure, so that a lower rung than the prepared one is simply prepared again.
import type { Hold, Offer } from "../policies/account.ts";
import {
  findModel,
  findUpstream,
  type Catalog,
  type Model,
  type Upstream,
} from "../policies/catalog.ts";
import type { Rung } from "../policies/choice.ts";
import { armName, type Arm, type Mode } from "../policies/mode.ts";
import type { Policy } from "../policies/policy.ts";
import type { Ask } from "./dialect/dialect.ts";
import { intentOf } from "./intent.ts";
import { firstSlice } from "./slice.ts";
import type { CallOrder, Draft, Strategy } from "./strategy/strategy.ts";
import { tokenBound } from "./stream/token-bound.ts";
import { traitsOf } from "./traits.ts";
import { compile } from "./upstream/compile.ts";
import { off, undeclared, type Ceiling, type Knob } from "./upstream/engine.ts";
import { engineOf } from "./upstream/table.ts";
import { standingOf } from "./upstream/wire/lower.ts";
import { writeWire } from "./upstream/wire/write.ts";

/** The template around the messages. */
const OVERHEAD_TOKENS = 16;
/** An image or a file costs an unknown number of tokens, never none: about a large image's. */
const UNSEEN_PART_TOKENS = 1600;
/**
 * Less than this is no answer in the mode: thinking that is cut off before its answer was paid for nothing, and a
 * cheaper rung would have answered. A client that itself asks for less gets what it asked for.
 */
const OUTPUT_TOKENS_MIN: Readonly<Record<Mode, number>> = {
  direct: 64,
  short: 128,
  code: 256,
  long: 512,
};

export interface Preparation {
  readonly rung: Rung;
  readonly model: Model;
  readonly upstream: Upstream;
  readonly draft: Draft;
  /** The conversation was on this arm before, so its earlier turns carry this arm's notes. */
  readonly isSteady: boolean;
  readonly inputTokens: number;
  /** The policy's bound on thinking, over this body. */
  readonly ceiling: Ceiling | null;
}

export interface PrepareContext {
  readonly ask: Ask;
  readonly catalog: Catalog;
  readonly policy: Policy;
  readonly order: CallOrder;
  /** What the conversation ran on before; null when it is new, or nothing is remembered. */
  readonly previous: Arm | null;
  readonly strategyOf: (id: string) => Strategy | null;
}

/** Between prose (4.4) and code (3.3), as tokenizers of 2025 and 2026 count. */
const BYTES_PER_TOKEN_EVENLY = 3.7;
/** Less room than this is a guess about a prompt that may not fit at all. */
const ROOM_TOKENS_MIN = 1024;

/** Lowers the cap, and says so; an answer cut short must have told why. */
function capBy(draft: Draft, outputTokensMax: number, because: string): Draft {
  if (draft.outputTokens <= outputTokensMax) return draft;
  const reason = `${because} ${outputTokensMax} output tokens, of ${draft.outputTokens}`;
  return {
    ...draft,
    outputTokens: outputTokensMax,
    knobs: [...draft.knobs, { knob: "output-cap", fidelity: "approx", reason }],
  };
}

function applyStrategy(id: string, draft: Draft, rung: Rung, context: PrepareContext): Draft {
  const strategy = context.strategyOf(id);
  if (strategy === null) {
    const knob = off("strategy", `no strategy is called "${id}"`);
    return { ...draft, knobs: [...draft.knobs, knob] };
  }
  return strategy.rewrite?.(draft, rung) ?? draft;
}

/** What a rung would ask, before a budget has spoken; null when the catalog no longer holds its model. */
export function prepare(rung: Rung, context: PrepareContext): Preparation | null {
  const model = findModel(context.catalog, rung.arm.model);
  const upstream = model === undefined ? undefined : findUpstream(context.catalog, model.upstream);
  if (model === undefined || upstream === undefined) return null;
  const { ask, policy, order } = context;
  const { mode } = rung.arm;
  // Without a mode nothing says how long the answer may be, so the widest cap of the policy bounds it.
  const ownCap = policy.capTokens[mode ?? "long"];
  let draft: Draft = {
    ask,
    mode,
    notes: order.notes ?? [],
    turnNotes: [],
    temperature: null,
    effort: null,
    outputTokens: ask.outputTokensMax ?? ownCap,
    knobs: [],
  };
  const policyMax = policy.outputTokensMax ?? Infinity;
  // Of a bound of our own nobody has to be told that the model or the policy has a lower one.
  draft =
    ask.outputTokensMax === null
      ? { ...draft, outputTokens: Math.min(ownCap, policyMax, model.outputTokensMax) }
      : capBy(
          capBy(draft, policyMax, "the policy gives at most"),
          model.outputTokensMax,
          `the catalog gives ${model.id} at most`,
        );
  for (const id of rung.strategies) draft = applyStrategy(id, draft, rung, context);
  if (order.outputTokens !== undefined)
    draft = { ...draft, outputTokens: Math.min(draft.outputTokens, order.outputTokens) };
  const ceiling = ceilingOf(ask, policy);
  draft = boundThinking(draft, ceiling, { model, upstream, context });
  const isSteady = context.previous !== null && armName(context.previous) === armName(rung.arm);
  const inputTokens = estimateInputTokens(ask, draft, isSteady, model.contextTokens);
  if (ask.outputTokensMax === null) {
    // A bound of our own must not be what an engine refuses because prompt and answer do not fit its window. The guess
    // here is even, not careful: a careful one would cut answers that have room. Where it leaves next to nothing the
    // engine decides, and says so.
    const room = model.contextTokens - Math.ceil(ask.inputBytes / BYTES_PER_TOKEN_EVENLY);
    draft = capBy(
      draft,
      Math.max(ROOM_TOKENS_MIN, room),
      `beside the prompt ${model.id} has room for about`,
    );
  }
  return { rung, model, upstream, draft, isSteady, inputTokens, ceiling };
}

function ceilingOf({ wire, wireMembers }: Ask, { reasoningTokensMax }: Policy): Ceiling | null {
  return reasoningTokensMax === undefined
    ? null
    : { tokens: reasoningTokensMax, standing: standingOf(wire, wireMembers) };
}

/** Where nothing but the whole answer's bound can hold thinking, it is that and as much as a direct answer may have. */
function boundThinking(
  draft: Draft,
  ceiling: Ceiling | null,
  {
    model,
    upstream,
    context,
  }: Pick<Preparation, "model" | "upstream"> & { context: PrepareContext },
): Draft {
  if (ceiling === null) return draft;
  const engine = engineOf(upstream.engine);
  const isStream = context.order.isStream ?? draft.ask.isStream;
  const call = {
    outputTokens: draft.outputTokens,
    isStream,
    cacheSalt: null,
    promptKey: null,
    ceiling,
  };
  if (compile(engine, intentOf(draft, engine, call), traitsOf(model)).thinks !== "open")
    return draft;
  const tokensMax = ceiling.tokens + context.policy.capTokens.direct;
  return capBy(draft, tokensMax, "thinking has no bound of its own here, so the policy gives both");
}

/** What the ledger is offered for a preparation. `index` is the rung's place in the ladder that the hold is offered. */
export function offerOf(preparation: Preparation, index: number, isStream: boolean): Offer {
  const { rung, model, upstream, draft, inputTokens } = preparation;
  const answers = draft.ask.answers;
  const outputTokens = draft.outputTokens * answers;
  // What cannot be stopped on the way, or is billed whole when it is, has to be held whole.
  const isSliced = isStream && upstream.billsCancelled !== true;
  return {
    rung: index,
    arm: armName(rung.arm),
    strategies: rung.strategies,
    inputTokens,
    outputTokens,
    outputTokensMin: Math.min(draft.outputTokens, leastOf(rung.arm.mode)) * answers,
    sliceTokens: isSliced ? firstSlice(rung.estimate.outputTokens, answers) : outputTokens,
    priceVersion: model.prices?.version ?? null,
    inputNanosPerMtok: model.prices?.inputNanosPerMtok ?? 0,
    cachedInputNanosPerMtok: model.prices?.cachedInputNanosPerMtok ?? 0,
    cacheWriteNanosPerMtok: cacheWritePrice(model.prices),
    outputNanosPerMtok: model.prices?.outputNanosPerMtok ?? 0,
  };
}

/** What is written to a cache costs what it costs to read, unless the catalog says otherwise. */
export function cacheWritePrice(prices: Model["prices"]): number {
  return prices?.cacheWriteNanosPerMtok ?? prices?.inputNanosPerMtok ?? 0;
}

/** A body that goes out as it was written may want one word or a book. */
function leastOf(mode: Mode | null): number {
  return OUTPUT_TOKENS_MIN[mode ?? "direct"];
}

export interface Outgoing {
  readonly body: string;
  readonly knobs: readonly Knob[];
  readonly isStream: boolean;
}

/** The body, with the cap that the hold affords. */
export function finish(
  preparation: Preparation,
  hold: Hold,
  order: CallOrder,
  cacheSalt: string,
  promptKey: string | null = null,
): Outgoing {
  const { model, upstream, draft } = preparation;
  const engine = engineOf(upstream.engine);
  const traits = traitsOf(model);
  const isStream = order.isStream ?? draft.ask.isStream;
  const outputTokens = Math.max(1, Math.floor(hold.outputTokens / draft.ask.answers));
  const intent = intentOf(draft, engine, {
    outputTokens,
    isStream,
    cacheSalt,
    promptKey,
    ceiling: preparation.ceiling,
  });
  const compiled = compile(engine, intent, traits);
  const asksUsage = isStream && traits.has("stream-usage");
  return {
    isStream,
    body: writeWire(
      draft.ask.wire,
      {
        model: model.name,
        isStream,
        asksUsage,
        outputTokens,
        capField: engine.capField ?? "max_tokens",
        isSoleCapField: engine.readsEitherCapField !== true,
        fields: compiled.fields,
        drops: compiled.drops,
        notes: draft.notes,
        turnNotes: draft.turnNotes,
        isSteady: preparation.isSteady,
      },
      draft.ask.wireMembers,
    ),
    knobs: [
      ...draft.knobs,
      ...compiled.knobs,
      ...(outputTokens < draft.outputTokens ? [cappedBy(outputTokens, draft)] : []),
      ...(isStream && !asksUsage ? [off("stream-usage", undeclared("stream-usage"))] : []),
    ],
  };
}

function cappedBy(outputTokens: number, draft: Draft): Knob {
  const reason = `the budget holds ${outputTokens} of ${draft.outputTokens} output tokens`;
  return { knob: "output-cap", fidelity: "approx", reason };
}

/**
 * What is held for the input: a bound, and never more than the model reads, since an engine refuses or cuts what is
 * longer. Where the body sets no bound, that is the bound.
 */
function estimateInputTokens(
  ask: Ask,
  draft: Draft,
  isSteady: boolean,
  contextTokens: number,
): number {
  if (ask.isUnbounded) return contextTokens;
  const noteTokens =
    tokensOf(draft.notes) + tokensOf(draft.turnNotes) * (isSteady ? ask.userTurns : 1);
  const partTokens = ask.unseenParts * UNSEEN_PART_TOKENS + ask.mediaTokensMax;
  return Math.min(contextTokens, OVERHEAD_TOKENS + ask.inputTokensMax + noteTokens + partTokens);
}

function tokensOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + tokenBound(text), 0);
}

/** The bound is at most 6.3 times the tokens of any text that was measured; only a run of one sign is worth less. */
const BOUND_PER_TOKEN_MAX = 8;

/** Tokens that the input has for sure, where a model does not read as many: asked, it could only refuse. */
export function tokensBeyond({ model, draft }: Preparation): number | null {
  const tokensMin = Math.floor(draft.ask.inputTokensMax / BOUND_PER_TOKEN_MAX);
  return tokensMin > model.contextTokens ? tokensMin : null;
}
