// Everything that can go wrong with a request, rich as the inside needs it. translate.ts says what of it goes outside.
import type { HoldRefusal } from "../policies/account.ts";
import type { Fault } from "../policies/parse.ts";
import type { Scope } from "../policies/tenant.ts";

/** A limit has no room: the ledger's refusal, as far as a caller is told of it. */
export interface BudgetExceeded extends Omit<HoldRefusal, "kind" | "meters"> {
  readonly kind: "budget-exceeded";
  /** For each answer that was asked for, as clients set their bounds. */
  readonly affordableTokens: number;
}

export type Failure =
  | { readonly kind: "malformed-json"; readonly position: number | null; readonly detail: string }
  | { readonly kind: "invalid-field"; readonly field: string; readonly problem: string }
  | { readonly kind: "body-too-large"; readonly bytesMax: number }
  | { readonly kind: "body-late"; readonly waitedMs: number }
  /** Too many large bodies are being read at once. */
  | { readonly kind: "memory-busy"; readonly retryAfterMs: number }
  /** Whatever it may be worth, the input is more than any model of the ladder reads. */
  | {
      readonly kind: "context-exceeded";
      readonly tokensMin: number;
      readonly contextTokens: number;
    }
  | { readonly kind: "key-missing" }
  | { readonly kind: "key-unknown" }
  | { readonly kind: "key-scope"; readonly scope: Scope }
  | { readonly kind: "model-unknown"; readonly model: string }
  | { readonly kind: "request-unknown"; readonly requestId: string }
  /** What a relay sent. */
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] }
  | { readonly kind: "relay-token" }
  | { readonly kind: "pool-unknown"; readonly pool: string }
  | { readonly kind: "replica-unknown"; readonly pool: string; readonly replica: string }
  /** Of a relay: no model of the pool has that name at its engines. */
  | { readonly kind: "model-unserved"; readonly pool: string; readonly model: string }
  | { readonly kind: "pool-unreachable"; readonly retryAfterMs: number }
  | { readonly kind: "route-unknown"; readonly method: string; readonly path: string }
  | {
      readonly kind: "method-not-allowed";
      readonly method: string;
      readonly path: string;
      readonly allowed: string;
    }
  | BudgetExceeded
  | { readonly kind: "budget-unavailable" }
  /** The ledger knows the call's id with other arguments: a bug, and nothing was sent. */
  | { readonly kind: "call-mismatch" }
  /** The upstream would not take the request: what it said is the caller's to mend. */
  | {
      readonly kind: "upstream-refused";
      readonly status: number;
      readonly message: string;
      readonly type: string | null;
      readonly code: string | null;
      readonly param: string | null;
    }
  | { readonly kind: "upstream-busy"; readonly retryAfterMs: number | null }
  | { readonly kind: "upstream-credentials" }
  | { readonly kind: "upstream-failed"; readonly status: number | null; readonly detail: string }
  | { readonly kind: "upstream-silent"; readonly waitedMs: number }
  | { readonly kind: "upstream-late"; readonly deadlineMs: number }
  /** It began to answer and did not finish. */
  | { readonly kind: "upstream-cut"; readonly detail: string }
  | { readonly kind: "upstream-resting"; readonly retryAfterMs: number }
  /** None of its replicas had room in time. */
  | { readonly kind: "upstream-full"; readonly retryAfterMs: number }
  | { readonly kind: "client-left" }
  | { readonly kind: "not-configured"; readonly what: string }
  | { readonly kind: "internal" };

export function invalidField(field: string, problem: string) {
  return { kind: "invalid-field", field, problem } as const;
}

export function notConfigured(what: string) {
  return { kind: "not-configured", what } as const;
}
