// What a call holds while it runs and what it is charged when it ends. Exact: products of tokens and prices are taken in
// BigInt where they pass 2^53, and money is rounded up once for the whole call.
import type { Certainty, Usage } from "../account.ts";
import { above, minus, type Amounts } from "./amounts.ts";
import type { HoldEntry, PinnedPrices } from "./entry.ts";

/**
 * Tokens of one kind that one call may report. No model reads or writes as many (16 million of context, 4 million of
 * output, 100 answers), and at the dearest price of a catalog two such counts still cost less than 2^53 nanos.
 */
export const CALL_TOKENS_MAX = 500_000_000;

/**
 * How fast an engine is taken to write when nobody saw it: 100 tokens/s is above what hosted models of the kind that
 * think for long deliver to one stream, so that hanging up is never cheaper than staying.
 */
export const UNSEEN_TOKENS_PER_SECOND = 100;

const TOKENS_PER_PRICE = 1_000_000;

/** What is reserved for a call: input and output at the dearest way in which each may be billed. */
export function heldAmounts(
  {
    inputTokens,
    requests,
    prices,
  }: Pick<HoldEntry, "inputTokens" | "requests"> & { readonly prices: PinnedPrices },
  outputTokens: number,
): Amounts {
  return {
    requests,
    tokens: inputTokens + outputTokens,
    nanos: nanosOf([
      [inputTokens, inputPriceMax(prices)],
      [outputTokens, prices.outputNanosPerMtok],
    ]),
    // How the input will be parted is known only later, so each part is held whole.
    uncachedInputTokens: inputTokens,
    cachedInputTokens: inputTokens,
    cacheWriteTokens: inputTokens,
    visibleOutputTokens: outputTokens,
    reasoningTokens: outputTokens,
    concurrency: 1,
  };
}

export function inputPriceMax(prices: PinnedPrices): number {
  return Math.max(
    prices.inputNanosPerMtok,
    prices.cachedInputNanosPerMtok,
    prices.cacheWriteNanosPerMtok,
  );
}

/** What a usage costs, rounded up once. */
export function costOf(usage: Usage, prices: Omit<PinnedPrices, "version">): number {
  return nanosOf([
    [usage.inputTokens - usage.cachedTokens - usage.cacheWriteTokens, prices.inputNanosPerMtok],
    [usage.cachedTokens, prices.cachedInputNanosPerMtok],
    [usage.cacheWriteTokens, prices.cacheWriteNanosPerMtok],
    [usage.outputTokens, prices.outputNanosPerMtok],
  ]);
}

/** The sum of tokens times prices per million, rounded up. */
export function nanosOf(terms: readonly (readonly [tokens: number, price: number])[]): number {
  let sum = 0;
  for (const [tokens, price] of terms) sum += tokens * price;
  if (sum <= Number.MAX_SAFE_INTEGER) return Math.ceil(sum / TOKENS_PER_PRICE);
  let exact = 0n;
  for (const [tokens, price] of terms) exact += BigInt(tokens) * BigInt(price);
  return Number((exact + BigInt(TOKENS_PER_PRICE) - 1n) / BigInt(TOKENS_PER_PRICE));
}

export interface Charge {
  readonly charged: Amounts;
  /** The usage that was charged, which is the reported one only when that was sound and exact. */
  readonly usage: Usage;
  readonly certainty: Certainty;
  /** What was wrong with the reported usage, for the journal; null when nothing was. */
  readonly anomaly: string | null;
}

/** What is known of a call beside its hold when it is charged. */
export interface Seen {
  /** Output that was held in all. */
  readonly heldOutputTokens: number;
  /** Output that the last checkpoint or extension had seen, and how long ago that was. */
  readonly seenOutputTokens: number;
  readonly unseenMs: number;
}

/**
 * What a dispatched call is charged.
 *
 * `exact`: what the engine reported. `at_least`: what was seen, with the held input where the engine had not named it.
 * Where nothing was seen (`unknown`, or a stream that broke before its first token, which a hidden thinker also looks
 * like) the output is what the last checkpoint had seen and what an engine could have written since, at most what was
 * held: never nothing, so that hanging up is no free exit, and not the worst case either.
 */
export function chargeFor(
  hold: HoldEntry,
  seen: Seen,
  reported: Usage,
  certainty: Certainty,
): Charge {
  const anomaly = findAnomaly(reported);
  const usage = anomaly === null ? reported : salvage(reported);
  const sure = anomaly === null ? certainty : "unknown";
  if (sure === "exact") return chargeOf(hold, usage, "exact", null);

  const inputTokens = usage.inputTokens > 0 ? usage.inputTokens : hold.inputTokens;
  const isSeen = sure === "at_least" && usage.outputTokens > 0;
  const unseen = seen.seenOutputTokens + unseenTokens(seen.unseenMs, hold.answers ?? 1);
  const outputTokens = isSeen
    ? Math.max(usage.outputTokens, Math.min(seen.heldOutputTokens, seen.seenOutputTokens))
    : Math.max(usage.outputTokens, Math.min(seen.heldOutputTokens, unseen));
  return chargeOf(hold, { ...usage, inputTokens, outputTokens }, sure, anomaly);
}

function chargeOf(
  hold: HoldEntry,
  usage: Usage,
  certainty: Certainty,
  anomaly: string | null,
): Charge {
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    charged: {
      requests: hold.requests,
      tokens: inputTokens + outputTokens,
      nanos: costOf(usage, hold.prices),
      uncachedInputTokens: inputTokens - cachedTokens - cacheWriteTokens,
      cachedInputTokens: cachedTokens,
      cacheWriteTokens,
      visibleOutputTokens: outputTokens - reasoningTokens,
      reasoningTokens,
      concurrency: 0,
    },
    usage,
    certainty,
    anomaly,
  };
}

/** What was charged beyond what was reserved. */
export function overOf(charged: Amounts, reserved: Amounts): Amounts {
  return above(charged, reserved);
}

/** What is left of a reserve after a charge; nothing where the charge went over. */
export function restOf(reserved: Amounts, charged: Amounts): Amounts {
  return minus(reserved, minus(charged, above(charged, reserved)));
}

/** Of each answer at least one: an object's clock may stand still within a turn. */
function unseenTokens(unseenMs: number, answers: number): number {
  const tokens = Math.ceil((Math.max(0, unseenMs) * UNSEEN_TOKENS_PER_SECOND) / 1000);
  return answers * Math.max(1, tokens);
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= CALL_TOKENS_MAX;
}

/** Why a usage cannot be; null where it can. */
export function findAnomaly(usage: Usage): string | null {
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  const counts = [inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens];
  if (!counts.every(isCount)) return `not counts: ${counts.map(String).join(", ")}`;
  if (cachedTokens + cacheWriteTokens > inputTokens)
    return `cached ${cachedTokens} and ${cacheWriteTokens} of input ${inputTokens}`;
  if (reasoningTokens > outputTokens)
    return `reasoning ${reasoningTokens} of output ${outputTokens}`;
  return null;
}

/** The sound parts of an unsound usage, as a floor under the charge. Its cached share is not believed. */
function salvage(usage: Usage): Usage {
  const count = (value: number): number => (isCount(value) ? value : 0);
  const reasoningTokens = count(usage.reasoningTokens);
  return {
    inputTokens: count(usage.inputTokens),
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: Math.max(count(usage.outputTokens), reasoningTokens),
    reasoningTokens,
  };
}
