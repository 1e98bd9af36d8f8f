// What callers of the admin API send, beside documents: the only shapes that are checked while it runs. What it answers is
// declared in shapes.ts, for its description alone, and is no part of the built Worker.
import * as z from "zod/mini";
import { number, text, wholeNumber } from "../../policies/fields.ts";
import { VERDICTS_PER_MESSAGE_MAX } from "../../policies/head/decision.ts";
import { ISOLATIONS } from "../../policies/placement/isolation.ts";
import { REPLICAS_MAX } from "../../policies/pool.ts";
import { limit, limits, LIMIT_MAX, LIMITS_MAX } from "../../policies/ledger/limit.ts";
import { SCOPES } from "../../policies/tenant.ts";

const timeMs = z.int().check(z.gte(0));

/** Long enough for clients that are rolled out once a month; the registry has the same bound. */
const OVERLAP_MS_MAX = 31 * 24 * 60 * 60 * 1000;

export const keyOrder = z.strictObject({
  name: z.optional(text(200)),
  scopes: z.optional(z.array(z.enum(SCOPES)).check(z.minLength(1), z.maxLength(SCOPES.length))),
  /** Beside the tenant's. */
  limits,
  expires_at_ms: z.optional(timeMs),
});
export const rotation = z.strictObject({
  /** How long the old key still opens. 0 revokes it at once. */
  overlap_ms: wholeNumber(0, OVERLAP_MS_MAX),
  /** The new key's; absent: the old one's. */
  limits: z.optional(z.array(limit).check(z.maxLength(LIMITS_MAX))),
});
export type KeyOrderBody = z.infer<typeof keyOrder>;
export type RotationBody = z.infer<typeof rotation>;

export const refundOrder = z.strictObject({
  /** `x-request-id`, a colon and the call's number from 1. */
  call_id: z.string().check(z.regex(/^[\x21-\x7e]{1,200}$/)),
  /** The caller's name for it. */
  refund_id: z.string().check(z.regex(/^[\x21-\x7e]{1,128}$/)),
  tokens: z._default(wholeNumber(0, LIMIT_MAX), 0),
  nanos: z._default(wholeNumber(0, LIMIT_MAX), 0),
});
export type RefundBody = z.infer<typeof refundOrder>;

/** A seq, or one for each of a tenant's ledgers: its own first, then its shards in their order. */
export const PLACES = /^\d{1,15}(,\d{1,15}){0,32}$/;

export const requestId = z.string().check(z.regex(/^[A-Za-z0-9-]{1,64}$/));
export const gradeOrder = z
  .array(
    z.strictObject({
      /** The answer's `x-request-id`. */
      request_id: requestId,
      /** 0 is wrong, 1 is right. */
      score: number(0, 1),
      /** Who graded, for the log. */
      grader: z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/)),
    }),
  )
  .check(z.minLength(1), z.maxLength(VERDICTS_PER_MESSAGE_MAX));
export type GradeOrderBody = z.infer<typeof gradeOrder>;

export const isolationOrder = z.strictObject({
  replicas: z
    .array(
      z.strictObject({
        id: text(128),
        /** Null takes back what was found before. */
        isolation: z.nullable(z.enum(ISOLATIONS)),
      }),
    )
    .check(z.minLength(1), z.maxLength(REPLICAS_MAX)),
});
export type IsolationBody = z.infer<typeof isolationOrder>;
