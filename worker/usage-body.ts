// What scopes have used, as clients and operators read it: each limit beside what the ledgers say was spent, is held, is
// lent, and went over. Nothing is shown of a scope that was not asked for.
import type { ScopeLimits } from "../policies/account.ts";
import { DIMENSIONS, NOTHING, type Dimension } from "../policies/ledger/amounts.ts";
import { ratesOf, WINDOWS, windowsOf, type Limit, type Window } from "../policies/ledger/limit.ts";
import { partOf } from "../policies/ledger/shard.ts";
import { CONVERSATIONS_SHOWN_MAX } from "../policies/ledger/standing.ts";
import type { Whole } from "../policies/ledger/whole.ts";
import { windowEndMs, windowKey } from "../policies/ledger/window.ts";
import { isoTime } from "./instant.ts";
import type { WholeUsage } from "./whole-usage.ts";

const MINUTE_MS = 60_000;

/** Shown also where they are not limited and nothing is used. The others appear when they have something to say. */
const ALWAYS_SHOWN: ReadonlySet<Dimension> = new Set(["requests", "tokens", "nanos"]);

export interface UsageOf extends WholeUsage {
  readonly of: { readonly tenant: string } | { readonly organisation: string };
  readonly zone: string;
  /** How many ledgers a rate is parted among. */
  readonly shards: number;
  /** In the order in which they are shown. One with a lender shows this tenant's part of what others spend from too. */
  readonly scopes: readonly ScopeLimits[];
}

type WholeBucket = Whole["buckets"][number];

/** Dimension `nanos` is nano-dollars; `lambda` is what the budget says of money now. */
export function usageBody(usage: UsageOf) {
  const { of, zone, scopes, whole, ledgers, missing } = usage;
  const { atMs, openHolds, suspendedHolds, lambda } = whole;
  return {
    object: "usage",
    ...of,
    at: isoTime(atMs),
    zone,
    ledgers: ledgers.map(({ name, atMs: readAtMs }) => ({
      ledger: name,
      read_at: isoTime(readAtMs),
    })),
    missing,
    open_holds: openHolds,
    suspended_holds: suspendedHolds,
    lambda,
    windows: scopes.flatMap((scope) => windowsOfScope(scope, usage)),
    rates: scopes.flatMap((scope) => ratesOfScope(scope, usage)),
  };
}

function windowsOfScope(of: ScopeLimits, { zone, whole, isOwnerHeard }: UsageOf): object[] {
  const buckets = whole.buckets.filter(({ scope }) => scope === of.scope);
  const counted = windowsOf(of.limits);
  return WINDOWS.flatMap((window) => {
    const found = buckets.filter((bucket) => bucket.window === window);
    if (found.length === 0 && counted.has(window)) {
      const unused = unusedBucket(of.scope, window, zone, whole.atMs);
      if (unused !== null) found.push(unused);
    }
    return found
      .toSorted((a, b) => b.spent.tokens - a.spent.tokens)
      .slice(0, CONVERSATIONS_SHOWN_MAX)
      .flatMap((bucket) => dimensionsOf(bucket, of, isOwnerHeard));
  });
}

/** A window that nothing was spent in yet; null for those that only a conversation makes. */
function unusedBucket(
  scope: string,
  window: Window,
  zone: string,
  atMs: number,
): WholeBucket | null {
  if (window === "minute" || window === "session") return null;
  const [spent, held, over, lent] = [NOTHING, NOTHING, NOTHING, NOTHING];
  const key = windowKey(window, zone, atMs);
  return {
    scope,
    window,
    key,
    spent,
    held,
    over,
    lent,
    resetAtMs: windowEndMs(window, zone, atMs),
  };
}

function dimensionsOf(
  bucket: WholeBucket,
  { limits, lender }: ScopeLimits,
  isOwnerHeard: boolean,
): object[] {
  const { scope, window, key, resetAtMs } = bucket;
  return DIMENSIONS.flatMap((dimension) => {
    const limit = limits.find((one) => one.window === window && one.dimension === dimension);
    const [spent, held, over, lent] = [
      bucket.spent[dimension],
      bucket.held[dimension],
      bucket.over[dimension],
      bucket.lent[dimension],
    ];
    const isUsed = spent !== 0 || held !== 0 || over !== 0 || lent !== 0;
    if (!isUsed && limit === undefined && !ALWAYS_SHOWN.has(dimension)) return [];
    return [
      {
        scope,
        window,
        key,
        dimension,
        spent,
        held,
        lent,
        over,
        limit: limit?.limit ?? null,
        // Of a budget that others spend from too, its own ledger alone knows what is left.
        remaining:
          limit === undefined || lender !== undefined || !isOwnerHeard
            ? null
            : Math.max(0, limit.limit - spent - held - lent),
        resets_at: resetAtMs === null ? null : isoTime(resetAtMs),
      },
    ];
  });
}

/** Each ledger's part of a rate drains by itself, from when it was last touched. */
function ratesOfScope({ scope, limits }: ScopeLimits, { whole, shards }: UsageOf): object[] {
  return ratesOf(limits).map((rated: Limit) => {
    const { dimension, limit, burst = limit } = rated;
    let [level, resetInMs] = [0, 0];
    for (const rate of whole.rates) {
      if (rate.scope !== scope || rate.dimension !== dimension) continue;
      const perMinute = rate.isPart ? partOf(rated, shards).limit : limit;
      const drained = (perMinute * (whole.atMs - rate.atMs)) / MINUTE_MS;
      const left = Math.max(0, Math.ceil(rate.level - drained));
      level += left;
      resetInMs = Math.max(resetInMs, Math.ceil((left * MINUTE_MS) / perMinute));
    }
    return {
      scope,
      dimension,
      limit,
      burst,
      level,
      remaining: Math.max(0, burst - level),
      resets_at: isoTime(whole.atMs + resetInMs),
    };
  });
}
