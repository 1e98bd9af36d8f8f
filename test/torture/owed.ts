// What a call holds and owes, reckoned a second time: without the core's code, and without its speed.
import type { Certainty, Offer, Usage } from "../../policies/account.ts";
import { NOTHING, type Amounts } from "../../policies/ledger/amounts.ts";

const COUNT_MAX = 500_000_000;
const UNSEEN_MS_PER_TOKEN = 10;

export function heldFor(offer: Offer, requests: number, outputTokens: number): Amounts {
  const { inputTokens } = offer;
  const dearest = Math.max(
    offer.inputNanosPerMtok,
    offer.cachedInputNanosPerMtok,
    offer.cacheWriteNanosPerMtok,
  );
  return {
    requests,
    tokens: inputTokens + outputTokens,
    nanos: price([inputTokens, dearest], [outputTokens, offer.outputNanosPerMtok]),
    uncachedInputTokens: inputTokens,
    cachedInputTokens: inputTokens,
    cacheWriteTokens: inputTokens,
    visibleOutputTokens: outputTokens,
    reasoningTokens: outputTokens,
    concurrency: 1,
  };
}

export interface Knowledge {
  readonly heldOutputTokens: number;
  readonly seenOutputTokens: number;
  readonly unseenMs: number;
}

export interface Owed {
  readonly amounts: Amounts;
  readonly outputTokens: number;
  readonly certainty: Certainty;
}

export function owedFor(
  offer: Offer,
  requests: number,
  { heldOutputTokens, seenOutputTokens, unseenMs }: Knowledge,
  reported: Usage,
  said: Certainty,
): Owed {
  const isSound =
    Object.values(reported).every(isCount) &&
    reported.cachedTokens + reported.cacheWriteTokens <= reported.inputTokens &&
    reported.reasoningTokens <= reported.outputTokens;
  const certainty = isSound ? said : "unknown";
  let { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = reported;
  if (!isSound) {
    [inputTokens, outputTokens, reasoningTokens] = [inputTokens, outputTokens, reasoningTokens].map(
      (value) => (isCount(value) ? value : 0),
    ) as [number, number, number];
    cachedTokens = 0;
    cacheWriteTokens = 0;
    outputTokens = Math.max(outputTokens, reasoningTokens);
  }
  if (certainty !== "exact") {
    if (inputTokens === 0) inputTokens = offer.inputTokens;
    const isSeen = certainty === "at_least" && outputTokens > 0;
    const written = Math.max(1, Math.ceil(Math.max(0, unseenMs) / UNSEEN_MS_PER_TOKEN));
    const least = seenOutputTokens + (isSeen ? 0 : written);
    outputTokens = Math.max(outputTokens, Math.min(heldOutputTokens, least));
  }
  const plain = inputTokens - cachedTokens - cacheWriteTokens;
  return {
    certainty,
    outputTokens,
    amounts: {
      ...NOTHING,
      requests,
      tokens: inputTokens + outputTokens,
      nanos: price(
        [plain, offer.inputNanosPerMtok],
        [cachedTokens, offer.cachedInputNanosPerMtok],
        [cacheWriteTokens, offer.cacheWriteNanosPerMtok],
        [outputTokens, offer.outputNanosPerMtok],
      ),
      uncachedInputTokens: plain,
      cachedInputTokens: cachedTokens,
      cacheWriteTokens,
      visibleOutputTokens: outputTokens - reasoningTokens,
      reasoningTokens,
    },
  };
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= COUNT_MAX;
}

/** Rounded up once. */
function price(...terms: readonly (readonly [tokens: number, perMtok: number])[]): number {
  const sum = terms.reduce((all, [tokens, perMtok]) => all + BigInt(tokens) * BigInt(perMtok), 0n);
  return Number(sum / 1_000_000n) + (sum % 1_000_000n > 0n ? 1 : 0);
}
