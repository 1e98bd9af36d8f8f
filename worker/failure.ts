// Everything that can go wrong with a request, rich as the inside needs it. translate.ts says what of it goes outside.
import type { Dimension, Scope, Window } from "../policies/tenant.ts";

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
  | { readonly kind: "route-unknown"; readonly method: string; readonly path: string }
  | {
      readonly kind: "method-not-allowed";
      readonly method: string;
      readonly path: string;
      readonly allowed: string;
    }
  | {
      readonly kind: "budget-exceeded";
      readonly reason: "quota" | "unfit" | "busy";
      readonly dimension: Dimension;
      readonly window: Window;
      readonly limit: number;
      readonly remaining: number;
      readonly resetInMs: number;
      readonly resetAtMs: number;
      readonly affordableTokens: number;
    }
  | { readonly kind: "budget-unavailable" }
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
  | { readonly kind: "client-left" }
  | { readonly kind: "not-configured"; readonly what: string }
  | { readonly kind: "internal" };
