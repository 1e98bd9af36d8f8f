// A tenant pays, and a key authenticates for one tenant. Both say what they may use at most, the tenant also for each of
// its users and for the tags that its clients may set.
import * as z from "zod/mini";
import { text, wholeNumber } from "./fields.ts";
import { limitFaults, limits } from "./ledger/limit.ts";
import { zone, zoneFaults } from "./zone.ts";
import { faultAt, parseWith, type Fault, type Parsed } from "./parse.ts";

/** A request carries some of them, and each is a scope of its own that every ledger turn checks. */
const TAGS_MAX = 64;
/** Each is an object of some hundreds of operations a second; more would only strand more of the limits between them. */
const SHARDS_MAX = 32;
/** What a shard's part of a rate's burst holds at least: a call with some input, and the first slice of its answer. */
const PART_TOKENS_MIN = 4_096;

/** Names an organisation, wherever one is named. */
export const organisationId = z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/));

/** No comma and no space, because a client lists tags in a header. */
export const TAG_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** By name. Not a record: the library's weighs more than all that it is asked for here. */
export const tags = z.catchall(z.object({}), limits);

export const tenant = z.strictObject({
  id: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,63}$/)),
  name: text(200),
  policy: text(64),
  /** Policies that the tenant's clients may name in `x-sluice-policy`, besides its own. */
  policies: z._default(z.array(z.string()).check(z.maxLength(64)), []),
  /** Catalog models that the tenant may use; absent means all. */
  models: z.optional(z.array(z.string()).check(z.maxLength(1024))),
  /** Whose limits hold for the tenant too. Both have one zone, because their windows turn together. */
  organisation: z.optional(organisationId),
  /** The calendar of every window of the tenant, its keys, users and tags. */
  zone,
  limits,
  /** For each user by itself, as `x-sluice-user` or the body's `user` names it. */
  userLimits: limits,
  /** The tags that clients may set in `x-sluice-tags`, each with its limits; one that is not here is refused. */
  tags: z._default(tags, {}),
  /** Ledger objects that share the tenant's load. More than one only where one is too slow. */
  shards: z._default(wholeNumber(1, SHARDS_MAX), 1),
});

/** What a key may be used for: `inference` runs and lists models, `usage` reads what its own tenant spent. */
export const SCOPES = ["inference", "usage"] as const;
export type Scope = (typeof SCOPES)[number];

export const key = z.strictObject({
  /** Names the key in logs and journals; never the secret. */
  id: z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)),
  tenant: text(64),
  /** For people, to tell keys apart. */
  name: z.optional(text(200)),
  /** Absent means all. */
  scopes: z.optional(z.array(z.enum(SCOPES)).check(z.minLength(1), z.maxLength(SCOPES.length))),
  /** Beside the tenant's, which hold for all of its keys together. */
  limits,
  createdAtMs: z.optional(z.int().check(z.gte(0))),
  expiresAtMs: z.optional(z.int().check(z.gte(0))),
  /** Never taken back. The tenant's ledger refuses the key whatever a reader of this document still believes. */
  revokedAtMs: z.optional(z.int().check(z.gte(0))),
});

export type Tenant = z.infer<typeof tenant>;
export type Key = z.infer<typeof key>;

export function parseTenant(document: unknown): Parsed<Tenant> {
  return checked(parseWith<Tenant>(tenant, document), (of) => [
    ...zoneFaults(of.zone),
    ...limitFaults(of.limits, "limits"),
    ...limitFaults(of.userLimits, "userLimits"),
    ...tagFaults(of.tags),
    ...shardFaults(of),
  ]);
}

/** Of rates each shard has its part, which must hold a call: else every shard would refuse it for ever. */
function shardFaults({ shards, limits: own, userLimits, tags: listed }: Tenant): Fault[] {
  if (shards === 1) return [];
  const lists = { limits: own, userLimits };
  const tagged = Object.entries(listed).map(([tag, list]) => [`tags.${tag}`, list] as const);
  return [...Object.entries(lists), ...tagged].flatMap(([path, list]) =>
    list.flatMap(({ dimension, window, limit: most, burst = most }, index): Fault[] => {
      if (window !== "minute") return [];
      const least = shards * (/tokens$/i.test(dimension) ? PART_TOKENS_MIN : 1);
      const at = `${path}.${index}`;
      if (most < shards)
        return [faultAt(`${at}.limit`, `must be at least ${shards}, 1 for each shard`)];
      const problem = `must be at least ${least}, ${least / shards} for each of ${shards} shards, or a call does not fit one`;
      return burst < least ? [faultAt(`${at}.burst`, problem)] : [];
    }),
  );
}

export function parseKey(document: unknown): Parsed<Key> {
  return checked(parseWith<Key>(key, document), (of) => limitFaults(of.limits, "limits"));
}

/** A key's document, without the defaults that parsing added: code of an older version reads it as well. */
export function writeKey({ limits: own, ...rest }: Key): string {
  return JSON.stringify(own.length === 0 ? rest : { ...rest, limits: own });
}

/** Whether a key opens anything now. */
export function isLive(of: Key, nowMs: number): boolean {
  return of.revokedAtMs === undefined && (of.expiresAtMs === undefined || of.expiresAtMs > nowMs);
}

export function mayUse(of: Key, scope: Scope): boolean {
  return of.scopes === undefined || of.scopes.includes(scope);
}

function tagFaults(of: Tenant["tags"]): Fault[] {
  const names = Object.keys(of);
  if (names.length > TAGS_MAX)
    return [faultAt("tags", `must be at most ${TAGS_MAX}, and there are ${names.length}`)];
  return names.flatMap((name) =>
    TAG_NAME.test(name)
      ? limitFaults(of[name] ?? [], `tags.${name}`)
      : [faultAt(`tags.${name}`, `has a name that must match ${TAG_NAME}`)],
  );
}

function checked<T>(parsed: Parsed<T>, faultsOf: (value: T) => readonly Fault[]): Parsed<T> {
  if (parsed.kind === "faulty") return parsed;
  const faults = faultsOf(parsed.value);
  return faults.length === 0 ? parsed : { kind: "faulty", faults };
}
