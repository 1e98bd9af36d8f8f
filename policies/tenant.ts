// A tenant pays, a key authenticates for one tenant, and a limit bounds what a tenant spends in a window.
import * as z from "zod/mini";
import { parseWith, type Parsed } from "./parse.ts";

export const DIMENSIONS = ["requests", "tokens", "nanos"] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export const WINDOWS = ["day", "month"] as const;
export type Window = (typeof WINDOWS)[number];

/** SQLite hands integers to JavaScript as doubles; above this they stop being exact once summed. */
export const LIMIT_MAX = 9_000_000_000_000_000;

const limit = z.strictObject({
  dimension: z.enum(DIMENSIONS),
  /** Calendar windows in UTC. */
  window: z.enum(WINDOWS),
  limit: z.int().check(z.gte(0), z.lte(LIMIT_MAX)),
});

export const tenant = z.strictObject({
  id: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  policy: z.string().check(z.minLength(1), z.maxLength(64)),
  /** Policies that the tenant's clients may name in `x-sluice-policy`, besides its own. */
  policies: z._default(z.array(z.string()).check(z.maxLength(64)), []),
  /** Catalog models that the tenant may use; absent means all. */
  models: z.optional(z.array(z.string()).check(z.maxLength(1024))),
  limits: z._default(z.array(limit).check(z.maxLength(16)), []),
});

/** What a key may be used for: `inference` runs and lists models, `usage` reads what its own tenant spent. */
export const SCOPES = ["inference", "usage"] as const;
export type Scope = (typeof SCOPES)[number];

export const key = z.strictObject({
  /** Names the key in logs and journals; never the secret. */
  id: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)),
  tenant: z.string().check(z.minLength(1), z.maxLength(64)),
  /** For people, to tell keys apart. */
  name: z.optional(z.string().check(z.minLength(1), z.maxLength(200))),
  /** Absent means all. */
  scopes: z.optional(z.array(z.enum(SCOPES)).check(z.minLength(1), z.maxLength(SCOPES.length))),
  createdAtMs: z.optional(z.int().check(z.gte(0))),
  expiresAtMs: z.optional(z.int().check(z.gte(0))),
  /** Never taken back. The tenant's ledger refuses the key whatever a reader of this document still believes. */
  revokedAtMs: z.optional(z.int().check(z.gte(0))),
});

export type Limit = z.infer<typeof limit>;
export type Tenant = z.infer<typeof tenant>;
export type Key = z.infer<typeof key>;

export function parseTenant(document: unknown): Parsed<Tenant> {
  const parsed = parseWith<Tenant>(tenant, document);
  if (parsed.kind === "faulty") return parsed;
  const seen = new Set<string>();
  for (const [index, { dimension, window }] of parsed.value.limits.entries()) {
    const name = `${dimension} per ${window}`;
    if (seen.has(name)) {
      return {
        kind: "faulty",
        faults: [{ path: `limits.${index}`, problem: `${name} stands twice` }],
      };
    }
    seen.add(name);
  }
  return parsed;
}

/** Whether a key opens anything now. */
export function isLive(of: Key, nowMs: number): boolean {
  return of.revokedAtMs === undefined && (of.expiresAtMs === undefined || of.expiresAtMs > nowMs);
}

export function mayUse(of: Key, scope: Scope): boolean {
  return of.scopes === undefined || of.scopes.includes(scope);
}

export function parseKey(document: unknown): Parsed<Key> {
  return parseWith<Key>(key, document);
}
