// Any entry that a journal may hold, for properties of how entries are written and read.
import fc from "fast-check";
import { DIMENSIONS, type Amounts } from "../../../../policies/ledger/amounts.ts";
import type { Entry } from "../../../../policies/ledger/entry.ts";
import { LIMIT_MAX, WINDOWS, type Limit } from "../../../../policies/ledger/limit.ts";

const count = fc.oneof(
  fc.nat(300),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
/** Texts of any characters, also those that a line of JSON or a hash may trip over. */
const text = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
  fc.constantFrom("\u2028", 'a"b\\c\n', "00ff", "ABCD", "é", "__proto__", "\ufeffa"),
);
const id = fc.oneof(
  text,
  fc.tuple(fc.uuid(), fc.nat(1e6)).map(([uuid, counter]) => `${uuid}:${counter}`),
  fc.uuid().map((uuid) => `${uuid.toUpperCase()}:0`),
  fc.uuid().map((uuid) => `${uuid}:007`),
);

const amounts: fc.Arbitrary<Amounts> = fc
  .tuple(...DIMENSIONS.map(() => fc.oneof(fc.constant(0), count)))
  .map(
    (values) =>
      Object.fromEntries(
        DIMENSIONS.map((dimension, index) => [dimension, values[index]]),
      ) as Amounts,
  );

const limit: fc.Arbitrary<Limit> = fc.record(
  {
    dimension: fc.constantFrom(...DIMENSIONS),
    window: fc.constantFrom(...WINDOWS),
    limit: fc.integer({ min: 0, max: LIMIT_MAX }),
    burst: fc.integer({ min: 1, max: 1_000 }),
    hard: fc.boolean(),
  },
  { requiredKeys: ["dimension", "window", "limit", "hard"] },
);

const call = { callId: id, atMs: count };
const renewal = { ...call, seenOutputTokens: count, ttlMs: count };
const posted = {
  ...call,
  usage: fc.record({
    inputTokens: count,
    cachedTokens: fc.oneof(fc.constant(0), count),
    cacheWriteTokens: fc.oneof(fc.constant(0), count),
    outputTokens: count,
    reasoningTokens: fc.oneof(fc.constant(0), count),
  }),
  certainty: fc.constantFrom("exact" as const, "at_least" as const, "unknown" as const),
  ending: text,
  anomaly: fc.option(text),
  charged: amounts,
  over: amounts,
};
const lease = { leaseId: id, atMs: count };
const window = { scope: text, window: fc.constantFrom(...WINDOWS), key: text };

/** What stands only on few of them. */
function withSome<Entry, Rare>(
  entry: fc.Arbitrary<Entry>,
  rare: fc.Arbitrary<Rare>,
): fc.Arbitrary<Entry & Rare> {
  return fc.tuple(entry, rare).map(([all, some]) => ({ ...all, ...some }));
}

export const entries: fc.Arbitrary<Entry> = fc.oneof(
  withSome(
    fc.record({
      op: fc.constant("hold" as const),
      ...call,
      fingerprint: count,
      path: fc.record({
        zone: text,
        scopes: fc.array(
          fc.record(
            { scope: text, limits: fc.array(limit, { maxLength: 4 }), lender: text },
            { requiredKeys: ["scope", "limits"] },
          ),
          { maxLength: 4 },
        ),
      }),
      session: fc.option(text),
      prices: fc.record({
        version: fc.option(text),
        inputNanosPerMtok: count,
        cachedInputNanosPerMtok: count,
        cacheWriteNanosPerMtok: count,
        outputNanosPerMtok: count,
      }),
      words: fc.record({
        keyId: text,
        policyVersion: text,
        variant: fc.option(text),
        arm: text,
        strategies: fc.array(text, { maxLength: 3 }),
      }),
      requests: fc.constantFrom(0 as const, 1 as const),
      rung: fc.nat(100),
      inputTokens: count,
      outputTokens: count,
      heldOutputTokens: count,
      ttlMs: count,
    }),
    fc.record(
      {
        older: fc.array(fc.record({ window: fc.constantFrom(...WINDOWS), key: text }), {
          minLength: 1,
          maxLength: 4,
        }),
        isDebt: fc.constant(true as const),
        answers: fc.integer({ min: 2, max: 1_000 }),
      },
      { requiredKeys: [] },
    ),
  ),
  fc.record({ op: fc.constant("extend" as const), ...renewal, heldOutputTokens: count }),
  fc.record({ op: fc.constant("checkpoint" as const), ...renewal }),
  fc.record({ op: fc.constantFrom("settle" as const, "adjust" as const), ...posted }),
  fc.record({ op: fc.constant("expire" as const), ...posted, suspendedUntilMs: fc.option(count) }),
  fc.record({ op: fc.constantFrom("lapse" as const, "release" as const), ...call }),
  fc.record({ op: fc.constant("refund" as const), ...call, refundId: id, amounts }),
  fc.record({ op: fc.constant("ask" as const), ...lease, ...window, lender: text, amounts }),
  withSome(
    fc.record({ op: fc.constant("lend" as const), ...lease, ...window, borrower: text, amounts }),
    fc.record({ olderKeys: fc.array(text, { minLength: 1, maxLength: 3 }) }, { requiredKeys: [] }),
  ),
  fc.record({ op: fc.constant("borrow" as const), ...lease, amounts }),
  fc.record({
    op: fc.constantFrom("report" as const, "return" as const),
    ...lease,
    spent: amounts,
  }),
  fc.record({ op: fc.constant("heard" as const), ...lease }),
);

export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
