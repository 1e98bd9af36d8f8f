// What scopes have used, as clients and operators read it: each limit beside what the ledger says was spent, is held, and
// went over. Nothing is shown of a scope that was not asked for.
import type { ScopeLimits } from "../policies/account.ts";
import { DIMENSIONS, NOTHING, type Dimension } from "../policies/ledger/amounts.ts";
import { ratesOf, WINDOWS, windowsOf, type Limit, type Window } from "../policies/ledger/limit.ts";
import type { Standing, StandingBucket } from "../policies/ledger/standing.ts";
import { windowEndMs, windowKey } from "../policies/ledger/window.ts";

/** Of each scope, the conversations that spent most; a tenant may have any number. */
const CONVERSATIONS_SHOWN_MAX = 50;
const MINUTE_MS = 60_000;

/** Shown also where they are not limited and nothing is used. The others appear when they have something to say. */
const ALWAYS_SHOWN: ReadonlySet<Dimension> = new Set(["requests", "tokens", "nanos"]);

export interface UsageOf {
  readonly tenantId: string;
  readonly zone: string;
  /** In the order in which they are shown. One with a lender shows this tenant's part of what others spend from too. */
  readonly scopes: readonly ScopeLimits[];
  readonly standing: Standing;
}

/** Dimension `nanos` is nano-dollars; `lambda` is what the budget says of money now. */
export function usageBody({ tenantId, zone, scopes, standing }: UsageOf) {
  const { atMs, openHolds, suspendedHolds, lambda } = standing;
  return {
    object: "usage",
    tenant: tenantId,
    at: new Date(atMs).toISOString(),
    zone,
    open_holds: openHolds,
    suspended_holds: suspendedHolds,
    lambda,
    windows: scopes.flatMap((scope) => windowsOfScope(scope, zone, standing)),
    rates: scopes.flatMap((scope) => ratesOfScope(scope, standing)),
  };
}

function windowsOfScope(of: ScopeLimits, zone: string, standing: Standing): object[] {
  const buckets = standing.buckets.filter(({ scope }) => scope === of.scope);
  const counted = windowsOf(of.limits);
  return WINDOWS.flatMap((window) => {
    const found = buckets.filter((bucket) => bucket.window === window);
    if (found.length === 0 && counted.has(window)) {
      const unused = unusedBucket(of.scope, window, zone, standing.atMs);
      if (unused !== null) found.push(unused);
    }
    return found
      .toSorted((a, b) => b.spent.tokens - a.spent.tokens)
      .slice(0, CONVERSATIONS_SHOWN_MAX)
      .flatMap((bucket) => dimensionsOf(bucket, of));
  });
}

/** A window that nothing was spent in yet; null for those that only a conversation makes. */
function unusedBucket(
  scope: string,
  window: Window,
  zone: string,
  atMs: number,
): StandingBucket | null {
  if (window === "minute" || window === "session") return null;
  const [spent, held, over] = [NOTHING, NOTHING, NOTHING];
  const key = windowKey(window, zone, atMs);
  return { scope, window, key, spent, held, over, resetAtMs: windowEndMs(window, zone, atMs) };
}

function dimensionsOf(bucket: StandingBucket, { limits, lender }: ScopeLimits): object[] {
  const { scope, window, key, resetAtMs } = bucket;
  return DIMENSIONS.flatMap((dimension) => {
    const limit = limits.find((one) => one.window === window && one.dimension === dimension);
    const [spent, held, over] = [
      bucket.spent[dimension],
      bucket.held[dimension],
      bucket.over[dimension],
    ];
    const isUsed = spent !== 0 || held !== 0 || over !== 0;
    if (!isUsed && limit === undefined && !ALWAYS_SHOWN.has(dimension)) return [];
    return [
      {
        scope,
        window,
        key,
        dimension,
        spent,
        held,
        over,
        limit: limit?.limit ?? null,
        // Of a budget that others spend from too, its own ledger alone knows what is left.
        remaining:
          limit === undefined || lender !== undefined
            ? null
            : Math.max(0, limit.limit - spent - held),
        resets_at: resetAtMs === null ? null : new Date(resetAtMs).toISOString(),
      },
    ];
  });
}

function ratesOfScope({ scope, limits }: ScopeLimits, standing: Standing): object[] {
  return ratesOf(limits).map(({ dimension, limit, burst = limit }: Limit) => {
    const found = standing.rates.find(
      (rate) => rate.scope === scope && rate.dimension === dimension,
    );
    const drained = (limit * (standing.atMs - (found?.atMs ?? 0))) / MINUTE_MS;
    const level = Math.max(0, Math.ceil((found?.level ?? 0) - drained));
    return {
      scope,
      dimension,
      limit,
      burst,
      level,
      remaining: Math.max(0, burst - level),
      resets_at: new Date(standing.atMs + Math.ceil((level * MINUTE_MS) / limit)).toISOString(),
    };
  });
}
