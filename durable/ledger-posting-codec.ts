// What was charged, as bytes and back. As a rule a charge follows from its usage, and then only the money is written.
import type { Certainty, Usage } from "../policies/account.ts";
import { DIMENSIONS, NOTHING, type Amounts } from "../policies/ledger/amounts.ts";
import type { AdjustEntry, ExpireEntry, SettleEntry } from "../policies/ledger/entry.ts";
import type { ByteReader, ByteWriter } from "./ledger-bytes.ts";
import type { Words } from "./ledger-words.ts";

const CERTAINTIES: readonly Certainty[] = ["exact", "at_least", "unknown"];
/** What a posting's flags say beside its certainty, which takes the lowest two bits. */
const IS_PLAIN = 4;
const HAS_OVER = 8;
const HAS_ANOMALY = 16;
const IS_SUSPENDED = 32;

type Posting = SettleEntry | ExpireEntry | AdjustEntry;

export function writePosting(out: ByteWriter, entry: Posting, words: Words): void {
  const { usage, charged, over, anomaly } = entry;
  const suspendedUntilMs = entry.op === "expire" ? entry.suspendedUntilMs : null;
  const isPlain = areSame(charged, chargedBy(usage, charged.requests, charged.nanos));
  const hasOver = !areSame(over, NOTHING);
  out.callId(entry.callId);
  out.byte(
    CERTAINTIES.indexOf(entry.certainty) +
      (isPlain ? IS_PLAIN : 0) +
      (hasOver ? HAS_OVER : 0) +
      (anomaly === null ? 0 : HAS_ANOMALY) +
      (suspendedUntilMs === null ? 0 : IS_SUSPENDED),
  );
  out.count(words.textId(entry.ending));
  out.count(usage.inputTokens);
  out.count(usage.cachedTokens);
  out.count(usage.cacheWriteTokens);
  out.count(usage.outputTokens);
  out.count(usage.reasoningTokens);
  if (isPlain) {
    out.count(charged.requests);
    out.count(charged.nanos);
  } else writeAmounts(out, charged);
  if (hasOver) writeAmounts(out, over);
  if (anomaly !== null) out.text(anomaly);
  if (suspendedUntilMs !== null) out.count(suspendedUntilMs);
}

export function readPosting(from: ByteReader, atMs: number, words: Words): Omit<ExpireEntry, "op"> {
  const callId = from.callId();
  const flags = from.byte();
  const certainty = CERTAINTIES[flags % 4] ?? "unknown";
  const ending = words.text(from.count());
  const usage: Usage = {
    inputTokens: from.count(),
    cachedTokens: from.count(),
    cacheWriteTokens: from.count(),
    outputTokens: from.count(),
    reasoningTokens: from.count(),
  };
  const charged =
    (flags & IS_PLAIN) > 0 ? chargedBy(usage, from.count(), from.count()) : readAmounts(from);
  const over = (flags & HAS_OVER) > 0 ? readAmounts(from) : NOTHING;
  const anomaly = (flags & HAS_ANOMALY) > 0 ? from.text() : null;
  const suspendedUntilMs = (flags & IS_SUSPENDED) > 0 ? from.count() : null;
  return {
    callId,
    atMs,
    usage,
    certainty,
    ending,
    anomaly,
    charged,
    over,
    suspendedUntilMs,
  };
}

/** What a usage comes to as a rule; a charge that differs is written out. */
function chargedBy(usage: Usage, requests: number, nanos: number): Amounts {
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  return {
    requests,
    tokens: inputTokens + outputTokens,
    nanos,
    uncachedInputTokens: inputTokens - cachedTokens - cacheWriteTokens,
    cachedInputTokens: cachedTokens,
    cacheWriteTokens,
    visibleOutputTokens: outputTokens - reasoningTokens,
    reasoningTokens,
    concurrency: 0,
  };
}

/** How many dimensions are not nothing, then each with its place in the list, which only ever grows at its end. */
export function writeAmounts(out: ByteWriter, amounts: Amounts): void {
  const filled = DIMENSIONS.flatMap((dimension, place) =>
    amounts[dimension] === 0 ? [] : [[place, amounts[dimension]] as const],
  );
  out.count(filled.length);
  for (const [place, amount] of filled) {
    out.count(place);
    out.count(amount);
  }
}

export function readAmounts(from: ByteReader): Amounts {
  const amounts = { ...NOTHING } as Record<keyof Amounts, number>;
  for (let left = from.count(); left > 0; left--) {
    const dimension = DIMENSIONS[from.count()];
    const amount = from.count();
    if (dimension !== undefined) amounts[dimension] = amount;
  }
  return amounts;
}

function areSame(left: Amounts, right: Amounts): boolean {
  return DIMENSIONS.every((dimension) => left[dimension] === right[dimension]);
}
