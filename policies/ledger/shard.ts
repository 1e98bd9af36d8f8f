// A tenant that is too busy for one ledger has several, its shards: which of them a key's calls go to, and what of the
// tenant's limits each of them holds by itself.
import type { ScopeLimits } from "../account.ts";
import type { Limit } from "./limit.ts";

/**
 * Where a key's calls are held. Each shard draws a number for the key and the highest takes it (rendezvous hashing), so that
 * with one shard more only the keys that move to it move. `shards` is 1 to 32.
 */
export function shardOf(keyId: string, shards: number): number {
  const key = hash(keyId);
  let best = 0;
  let highest = -1;
  for (let shard = 0; shard < shards; shard++) {
    const drawn = mix(key ^ Math.imul(shard + 1, 0x9e3779b1));
    if (drawn <= highest) continue;
    highest = drawn;
    best = shard;
  }
  return best;
}

/** The name of a key's ledger: the tenant's own, while it has but one. */
export function ledgerName(tenantId: string, keyId: string, shards: number): string {
  return shards <= 1 ? tenantId : `${tenantId}#${shardOf(keyId, shards)}`;
}

/** Names of all ledgers that a tenant's calls are held in. */
export function ledgerNames(tenantId: string, shards: number): string[] {
  if (shards <= 1) return [tenantId];
  return Array.from({ length: shards }, (_, shard) => `${tenantId}#${shard}`);
}

/**
 * Names of all ledgers that may know something of a tenant: its own first, which is the owner of what shards borrow, and
 * then as many shards as it ever had at once.
 */
export function everyLedgerName(tenantId: string, shardsEver: number): string[] {
  return [...new Set([tenantId, ...ledgerNames(tenantId, shardsEver)])];
}

/**
 * A call's scopes as its shard holds them. All are lent by the tenant's own ledger, but an organisation's, which lends to
 * every shard itself. A key's calls all meet in one shard; its budget is lent nevertheless, because another number of shards
 * may move the key, and what it has spent must go with it. A rate cannot be lent: each shard gets its part of it, at least 1,
 * and a key's shard all of the key's.
 */
export function shardScopes(
  scopes: readonly ScopeLimits[],
  tenantId: string,
  shards: number,
): readonly ScopeLimits[] {
  if (shards <= 1) return scopes;
  return scopes.map((of) => {
    if (of.lender !== undefined) return of;
    const parts = isOfOneShard(of.scope) ? 1 : shards;
    return { ...of, lender: tenantId, limits: of.limits.map((limit) => partOf(limit, parts)) };
  });
}

/** Whether all calls of a scope meet in one shard. */
export function isOfOneShard(scope: string): boolean {
  return scope.startsWith("key:");
}

/** Of a rate, what each of so many shards has. */
export function partOf(limit: Limit, shards: number): Limit {
  if (limit.window !== "minute" || shards <= 1) return limit;
  const part = (units: number) => Math.max(1, Math.floor(units / shards));
  const { burst } = limit;
  return {
    ...limit,
    limit: part(limit.limit),
    ...(burst === undefined ? {} : { burst: part(burst) }),
  };
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}

/** Murmur3's finaliser, which spreads every bit over all. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
