// A line of the journal back to its entry, for whoever audits one: a ledger never reads lines, and does not carry this.
import * as z from "zod/mini";
import { faultAt, parseWith, type Fault, type Parsed } from "../parse.ts";
import { DIMENSIONS } from "./amounts.ts";
import { lineOf, type JournalLine } from "./canonical.ts";
import { limit, WINDOWS } from "./limit.ts";

/** The line's entry, or every fault. Also a line that says the right thing in other bytes is faulty: no hash would fit. */
export function parseLine(line: string): Parsed<JournalLine> {
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch {
    return faulty("", "is not JSON");
  }
  const parsed = parseWith(journalLine, document);
  if (parsed.kind === "faulty") return parsed;
  const { seq, ...entry } = parsed.value;
  const value: JournalLine = { seq, entry };
  if (lineOf(value) !== line)
    return faulty("", "is not canonical: names in order, no spaces, no number twice");
  return { kind: "parsed", value };
}

function faulty(path: string, problem: string): { kind: "faulty"; faults: Fault[] } {
  return { kind: "faulty", faults: [faultAt(path, problem)] };
}

// zod's whole numbers are within 2^53, so that nothing is rounded on its way through a double.
const count = z.int().check(z.gte(0));
const text = z.string();
const nullableText = z.nullable(text);

const amounts = z.strictObject(
  Object.fromEntries(DIMENSIONS.map((dimension) => [dimension, count])) as Record<
    (typeof DIMENSIONS)[number],
    typeof count
  >,
);

const place = { seq: count.check(z.gte(1)), atMs: count };
const call = { ...place, callId: text };
const renewal = { ...call, seenOutputTokens: count, ttlMs: count };

const posted = {
  ...call,
  usage: z.strictObject({
    inputTokens: count,
    cachedTokens: count,
    cacheWriteTokens: count,
    outputTokens: count,
    reasoningTokens: count,
  }),
  certainty: z.enum(["exact", "at_least", "unknown"]),
  ending: text,
  anomaly: nullableText,
  charged: amounts,
  over: amounts,
};

const lease = { ...place, leaseId: text };
const window = { scope: text, window: z.enum(WINDOWS), key: text };

const journalLine = z.discriminatedUnion("op", [
  z.strictObject({
    ...call,
    op: z.literal("hold"),
    fingerprint: count,
    path: z.strictObject({
      zone: text,
      scopes: z.array(
        z.strictObject({ scope: text, limits: z.array(limit), lender: z.exactOptional(text) }),
      ),
    }),
    session: nullableText,
    prices: z.strictObject({
      version: nullableText,
      inputNanosPerMtok: count,
      cachedInputNanosPerMtok: count,
      cacheWriteNanosPerMtok: count,
      outputNanosPerMtok: count,
    }),
    words: z.strictObject({
      keyId: text,
      policyVersion: text,
      variant: nullableText,
      arm: text,
      strategies: z.array(text),
    }),
    requests: z.literal([0, 1]),
    rung: count,
    inputTokens: count,
    outputTokens: count,
    heldOutputTokens: count,
    ttlMs: count,
    older: z.exactOptional(z.array(z.strictObject({ window: z.enum(WINDOWS), key: text }))),
    isDebt: z.exactOptional(z.literal(true)),
    answers: z.exactOptional(count.check(z.gte(2))),
  }),
  z.strictObject({ ...renewal, op: z.literal("extend"), heldOutputTokens: count }),
  z.strictObject({ ...renewal, op: z.literal("checkpoint") }),
  z.strictObject({ ...posted, op: z.literal("settle") }),
  z.strictObject({ ...posted, op: z.literal("expire"), suspendedUntilMs: z.nullable(count) }),
  z.strictObject({ ...posted, op: z.literal("adjust") }),
  z.strictObject({ ...call, op: z.literal("lapse") }),
  z.strictObject({ ...call, op: z.literal("release") }),
  z.strictObject({ ...call, op: z.literal("refund"), refundId: text, amounts }),
  z.strictObject({ ...lease, ...window, op: z.literal("ask"), lender: text, amounts }),
  z.strictObject({ ...lease, op: z.literal("borrow"), amounts }),
  z.strictObject({ ...lease, op: z.literal("report"), spent: amounts }),
  z.strictObject({ ...lease, op: z.literal("heard") }),
  z.strictObject({
    ...lease,
    ...window,
    op: z.literal("lend"),
    borrower: text,
    amounts,
    olderKeys: z.exactOptional(z.array(text)),
  }),
  z.strictObject({ ...lease, op: z.literal("return"), spent: amounts }),
]);
