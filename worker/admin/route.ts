// The contract of a route: what it takes and does. What its description says besides is operations.ts.
import type { KeptOpinion } from "../../durable/feedback.ts";
import type { HeadAct, HeadReport } from "../../durable/head.ts";
import type { Registry } from "../../durable/registry.ts";
import type { DocumentKind } from "../../policies/administration.ts";
import type { Refund, RefundAnswer } from "../../policies/account.ts";
import type { Upstream } from "../../policies/catalog.ts";
import type { Heard, Verdict } from "../../policies/head/decision.ts";
import type { ChainPage } from "../../policies/ledger/chain.ts";
import type { Finding, Judged } from "../../policies/placement/isolation.ts";
import type { PoolReport, PoolSettings } from "../../policies/placement/pool.ts";
import type { Standing } from "../../policies/ledger/standing.ts";
import type { ModelFinding } from "../../policies/prefix/findings.ts";
import type { LoginSurroundings } from "./login.ts";
import type { Refusal } from "./refusal.ts";

/** The registry's methods as a caller across the network sees them. */
export type RegistryPort = {
  readonly [
    K in Exclude<keyof Registry, "alarm" | "fetch"> as Registry[K] extends (
      ...args: never[]
    ) => unknown
      ? K
      : never
  ]: Registry[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** A ledger of a tenant or an organisation as an operator sees it. */
export interface OperatedLedger {
  usage(zone: string, scopes: readonly string[], pricedIn: readonly string[]): Promise<Standing>;
  /** Scopes with something standing after one of them, from the widest to the narrowest. */
  scopes(zone: string, after: string, max: number): Promise<string[]>;
  /** Canonical lines with a seq above `afterSeq`. `nextSeq`: what the next page is asked for after. */
  journal(afterSeq: number, max: number): Promise<ChainPage & { readonly nextSeq: number }>;
  refund(refund: Refund): Promise<RefundAnswer>;
}

/** What a tenant's traffic taught under one policy, as an operator sees it. */
export interface OperatedHead {
  hear(verdicts: readonly Verdict[]): Promise<readonly Heard[]>;
  act(act: HeadAct, actor: string, isDryRun: boolean): Promise<{ readonly changes: boolean }>;
  report(): Promise<HeadReport>;
}

/** The index of an upstream's pool, as an operator sees it. */
export interface OperatedPool {
  report(settings: PoolSettings): Promise<PoolReport>;
  /** Answers what stands afterwards. */
  judge(
    settings: PoolSettings,
    findings: readonly Finding[],
    actor: string,
    isDryRun: boolean,
  ): Promise<readonly Judged[]>;
}

/** What is kept beside a tenant's ledger, as an operator sees it. */
export interface OperatedFeedback {
  /** Of every isolate that told within the last day. */
  promptFindings(): Promise<ModelFinding[]>;
  /** Opinions behind a place, oldest first. */
  list(afterMs: number, afterRequestId: string, max: number): Promise<KeptOpinion[]>;
}

/** What a breaker says of itself without being asked for a permit. */
export interface BreakerLook {
  readonly state: "closed" | "open" | "half-open";
  readonly permitted: boolean;
  readonly retryInMs: number;
  readonly recentFailures: number;
}

/** What the API says of itself, as `npm run describe` wrote it. */
export interface Description {
  readonly openapi: object;
  /** By the kind of document. */
  readonly schemas: Readonly<Record<string, object>>;
}

export interface AdminDependencies extends LoginSurroundings {
  /** A fresh stub at every call: one that threw is broken for good. */
  registry(): RegistryPort;
  /** A fresh stub at every call, as well. */
  ledgerOf(name: string): OperatedLedger;
  headOf(tenantId: string, policyName: string): OperatedHead;
  poolOf(upstreamId: string): OperatedPool;
  feedbackOf(tenantId: string): OperatedFeedback;
  /** Has this isolate read what a head learned anew before it advises again. */
  forgetHead(tenantId: string, policyName: string): void;
  lookAtBreaker(upstream: Upstream): Promise<BreakerLook>;
  description(): Description;
  isSecretSet(name: string): boolean;
  /** Has this isolate read a document again at its next use; the last good copy is kept until then. */
  forget(kind: DocumentKind, id: string): void;
}

export type QueryName =
  | "after"
  | "limit"
  | "scope"
  | "ledger"
  | "policy"
  | "dry_run"
  | "secrets_later";

/** What a write must say of what it was decided on. */
export type Condition =
  /** `if-match: "3"`. */
  | "version"
  /** That, or `if-none-match: *` to make a new one. */
  | "version-or-new"
  /** `if-match: "120"` of the configuration's revision, or `*` for whatever stands. */
  | "revision";

export interface Call {
  readonly request: Request;
  /** The path's parameters. */
  readonly ids: Readonly<Record<string, string>>;
  readonly after: string;
  readonly limit: number;
  /** The only one that is asked for; null: all. */
  readonly scope: string | null;
  /** Which of the tenant's policies; null: its own. */
  readonly policy: string | null;
  /** The only ledger of the tenant's that is asked; null: all. */
  readonly ledger: string | null;
  readonly isDryRun: boolean;
  readonly areSecretsLater: boolean;
  /** 0: there must be none yet. Null: whatever stands. */
  readonly expected: number | null;
  /** For the audit. */
  readonly actor: string;
  /** Checked to be JSON; `{}` where the route takes none. */
  readonly bodyText: string;
  readonly deps: AdminDependencies;
}

export interface Answered {
  readonly kind: "answered";
  readonly status: 200 | 201 | 202;
  /** Text is in the form that the route declares already. */
  readonly body: object | string;
  readonly version?: number;
}

export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below /admin/v1, parameters as `{id}`. */
  readonly path: string;
  /** Names the operation for generated clients. */
  readonly name: string;
  readonly isPublic?: boolean;
  readonly query?: readonly QueryName[];
  /** How many `limit` asks for when it is absent, and at most; 50 and 200 where a route does not say. */
  readonly page?: { readonly usual: number; readonly max: number };
  /** JSON where a route does not say; lines of JSON, each as the shape says. */
  readonly contentType?: "application/json" | "application/x-ndjson";
  readonly condition?: Condition;
  /** Absent: it takes no body. */
  readonly bodyBytesMax?: number;
  readonly run: (call: Call) => Promise<Answered | Refusal>;
}

/** An object did not answer: no bug, and the operator is told so. */
export class ObjectUnreachable extends Error {
  override readonly name = "ObjectUnreachable";
  /** As an operator calls it, at the beginning of a sentence. */
  readonly what: string;

  constructor(what: string, problem: string) {
    super(problem);
    this.what = what;
  }
}
