// The shapes of what a ledger says to an operator: usage, the journal's lines, and refunds.
import * as z from "zod/mini";
import { DIMENSIONS } from "../../policies/ledger/amounts.ts";
import { WINDOWS } from "../../policies/ledger/limit.ts";
import { PLACES } from "./bodies.ts";

export const instant = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/));
const count = z.int().check(z.gte(0));

const dimension = z.enum(DIMENSIONS);
const figures = {
  object: z.literal("usage"),
  /** The latest of `ledgers`. */
  at: instant,
  zone: z.string(),
  /** Which were read, and when: they are read one by one, so that figures of a tenant at work are not of one instant. */
  ledgers: z.array(z.strictObject({ ledger: z.string(), read_at: instant })),
  /** Those that did not answer. What was spent is then at least what the figures say. */
  missing: z.array(z.string()),
  open_holds: count,
  /** Expired calls of which something is kept until their exact usage had time to come. */
  suspended_holds: count,
  /** The budget's own price of money now, in score per thousandth of a dollar. */
  lambda: z.number(),
  windows: z.array(
    z.strictObject({
      /** `tenant`, or `org:`, `tag:`, `key:` and `user:` with an id. */
      scope: z.string(),
      window: z.enum(WINDOWS),
      /** Which hour, day, month or conversation. */
      key: z.string(),
      dimension,
      spent: z.int(),
      held: z.int(),
      /** Lent to other ledgers, which neither reported nor, where they were read, hold it. Theirs alone may spend it. */
      lent: count,
      /** Of `spent`, what was charged beyond what had been held. */
      over: z.int(),
      limit: z.nullable(count),
      /**
       * What is neither spent nor held nor lent. Null without a limit, where the ledger that lends did not answer, and of
       * an organisation that a tenant spends from, because others do too.
       */
      remaining: z.nullable(count),
      /** Null: it never turns by itself. */
      resets_at: z.nullable(instant),
    }),
  ),
  /** Limits a minute: `level` drains by `limit` a minute and may rise to `burst`. */
  rates: z.array(
    z.strictObject({
      scope: z.string(),
      dimension,
      limit: count,
      burst: count,
      level: count,
      remaining: count,
      resets_at: instant,
    }),
  ),
  next: z.nullable(z.string()),
};
export const usage = z.strictObject({ ...figures, tenant: z.string() });
export const organisationUsage = z.strictObject({ ...figures, organisation: z.string() });

export const refund = z.strictObject({
  object: z.literal("refund"),
  call_id: z.string(),
  refund_id: z.string(),
  tokens: count,
  nanos: count,
});

const chainHash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Entries as policies/ledger/entry.ts has them; `ledger` begins a chain where there are several, and `chain` ends its page. */
export const journalLine = z.union([
  z.looseObject({ op: z.string(), seq: count, atMs: count }),
  z.strictObject({
    chain: z.strictObject({
      /** The chain's hash before the page's first entry and after its last. */
      prevHash: chainHash,
      hash: chainHash,
      /** To be sent as `after` for the next page; the same as was sent: there are no more lines yet. */
      nextSeq: count,
      /** Where several ledgers are read: to be sent as `after` instead. The last of the page counts. */
      next: z.optional(z.string().check(z.regex(PLACES))),
    }),
  }),
  z.strictObject({ ledger: z.string() }),
]);
