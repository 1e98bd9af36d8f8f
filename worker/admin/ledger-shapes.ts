// The shapes of what a ledger says to an operator: usage, the journal's lines, and refunds.
import * as z from "zod/mini";
import { DIMENSIONS } from "../../policies/ledger/amounts.ts";
import { WINDOWS } from "../../policies/ledger/limit.ts";

export const instant = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/));
const count = z.int().check(z.gte(0));

const dimension = z.enum(DIMENSIONS);
export const usage = z.strictObject({
  object: z.literal("usage"),
  tenant: z.string(),
  at: instant,
  zone: z.string(),
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
      /** Of `spent`, what was charged beyond what had been held. */
      over: z.int(),
      limit: z.nullable(count),
      /** Null without a limit, and of an organisation, whose other tenants spend from it too. */
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
});

export const refund = z.strictObject({
  object: z.literal("refund"),
  call_id: z.string(),
  refund_id: z.string(),
  tokens: count,
  nanos: count,
});

const chainHash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Entries as policies/ledger/entry.ts has them; the last line of a page is `chain`. */
export const journalLine = z.union([
  z.looseObject({ op: z.string(), seq: count, atMs: count }),
  z.strictObject({
    chain: z.strictObject({
      /** The chain's hash before the page's first entry and after its last. */
      prevHash: chainHash,
      hash: chainHash,
      /** To be sent as `after` for the next page; the same as was sent: there are no more lines yet. */
      nextSeq: count,
    }),
  }),
]);
