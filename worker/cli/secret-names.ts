// The secrets that a Worker needs for a catalog, each with what for: the same on Cloudflare, on a server and on this machine.
import type { Catalog } from "../../policies/catalog.ts";

/** What these open stays off with less (worker/bearer.ts), and a pool whose secret can be guessed parts nobody's caches. */
export const OPENING_CHARS_MIN = 32;

export interface SecretNeeded {
  readonly name: string;
  /** For the middle of a sentence. */
  readonly use: string;
  /** What stays off while it is too short; null where it may have any length. */
  readonly opens: string | null;
}

/** The admin API's own, each that an upstream or its pool names, and the relays' where there is a pool. */
export function secretsNeeded({ upstreams }: Pick<Catalog, "upstreams">): readonly SecretNeeded[] {
  const needed = new Map<string, SecretNeeded>();
  const need = (name: string, use: string, opens: string | null = null): void => {
    if (!needed.has(name)) needed.set(name, { name, use, opens });
  };
  need("ADMIN_SECRET", "the admin API needs", "the admin API");
  for (const { id, secret, pool } of upstreams) {
    if (secret !== undefined) need(secret, `upstream "${id}" needs`);
    if (pool === undefined) continue;
    need(pool.secret, `the pool of "${id}" needs`, `the pool of "${id}"`);
    need("RELAY_TOKEN", `the relays of "${id}" need`, "the endpoint for relays");
  }
  return [...needed.values()];
}

/** A sentence for each pool that answers nobody for want of its secret. `secrets`: values by name. */
export function findClosedPools(
  { upstreams }: Pick<Catalog, "upstreams">,
  secrets: Readonly<Record<string, string>>,
): readonly string[] {
  return upstreams.flatMap(({ id, pool }) => {
    if (pool === undefined) return [];
    const chars = secrets[pool.secret]?.length ?? 0;
    if (chars >= OPENING_CHARS_MIN) return [];
    const problem = chars === 0 ? "is not set" : `has ${chars} characters`;
    return [
      `The secret ${pool.secret}, which the pool of "${id}" needs, ${problem}: its models answer nobody. ` +
        `Give it ${OPENING_CHARS_MIN} or more, as of \`openssl rand -hex 32\`.`,
    ];
  });
}
