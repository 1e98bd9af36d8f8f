// The contract of a route: what it takes and answers, declared once for mounting it and for describing it.
import type { Standing } from "../../durable/ledger.ts";
import type { Registry } from "../../durable/registry.ts";
import type { DocumentKind } from "../../policies/administration.ts";
import type { Upstream } from "../../policies/catalog.ts";
import type { LoginSurroundings } from "./login.ts";
import type { Refusal } from "./refusal.ts";
import type { ShapeName } from "./shapes.ts";

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

/** What a breaker says of itself without being asked for a permit. */
export interface BreakerLook {
  readonly state: "closed" | "open" | "half-open";
  readonly permitted: boolean;
  readonly retryInMs: number;
  readonly recentFailures: number;
}

export interface AdminDependencies extends LoginSurroundings {
  /** A fresh stub at every call: one that threw is broken for good. */
  registry(): RegistryPort;
  standingOf(tenantId: string): Promise<Standing>;
  lookAtBreaker(upstream: Upstream): Promise<BreakerLook>;
  isSecretSet(name: string): boolean;
  /** Has this isolate read a document again at its next use; the last good copy is kept until then. */
  forget(kind: DocumentKind, id: string): void;
}

export type QueryName = "after" | "limit" | "dry_run" | "secrets_later";

/** What a write must say of what it was decided on. */
export type Condition =
  | "none"
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
  /** Text is JSON already. */
  readonly body: object | string;
  readonly version?: number;
}

export interface Route {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below /admin/v1, parameters as `{id}`. */
  readonly path: string;
  /** Names the operation for generated clients. */
  readonly name: string;
  readonly summary: string;
  readonly isPublic?: boolean;
  readonly query: readonly QueryName[];
  readonly condition: Condition;
  readonly body: { readonly shape: ShapeName; readonly bytesMax: number } | null;
  /** What it answers when it is not refused. */
  readonly answers: Readonly<Partial<Record<Answered["status"], ShapeName>>>;
  readonly run: (call: Call) => Promise<Answered | Refusal>;
}

/** The registry did not answer: no bug, and the operator is told so. */
export class RegistryUnreachable extends Error {
  override readonly name = "RegistryUnreachable";
}
