// The meters of an isolate's emergency allowance. One that has not drained is never thrown away, for with it would go what it
// let through: where there is no room for another meter, nothing more passes. Users are without number, so theirs stand
// apart from those of their tenants. Plain data, shared by the isolate's requests.
import { emptyRate, roomIn, type RateBucket } from "../policies/ledger/rate.ts";

/** Of tenants, organisations, keys and tags, which operators write: an isolate sees few. Each meter is a few numbers. */
const OWN_MAX = 10_000;
/** Of all tenants' users. */
const USERS_MAX = 10_000;
/** Of one tenant's, so that the users of one leave room for those of others. */
const USERS_OF_TENANT_MAX = 2_500;
/** How often drained ones are looked for: it costs as much as there are, too much for each call that finds no room. */
const SWEPT_EVERY_MS = 60_000;

interface Meter {
  readonly rate: RateBucket;
  /** What it drained by when it was last used. */
  perMinute: number;
}

/** By tenant, then by name. */
type Kept = Map<string, Map<string, Meter>>;

export interface MeterMemory {
  readonly own: Kept;
  readonly users: Kept;
  sweptAtMs: number;
}

export function newMeterMemory(): MeterMemory {
  return { own: new Map(), users: new Map(), sweptAtMs: -Infinity };
}

export interface MeterName {
  readonly tenantId: string;
  readonly scope: string;
  /** Which of the scope's limits. */
  readonly limit: string;
}

/** The meter of that name, to be looked at: a new one is not kept before it is used. */
export function meterOf(memory: MeterMemory, name: MeterName): RateBucket {
  return placeOf(memory, name).meters?.get(keyOf(name))?.rate ?? emptyRate();
}

/** Keeps a meter that is about to be used; false when there is no room for it. */
export function keepMeter(
  memory: MeterMemory,
  name: MeterName,
  rate: RateBucket,
  perMinute: number,
  nowMs: number,
): boolean {
  const { kept, meters, countMax, ofTenantMax } = placeOf(memory, name);
  const known = meters?.get(keyOf(name));
  if (known !== undefined) {
    known.perMinute = perMinute;
    return true;
  }
  const isFull = (): boolean =>
    (kept.get(name.tenantId)?.size ?? 0) >= ofTenantMax || sizeOf(kept) >= countMax;
  if (isFull()) sweep(memory, nowMs);
  if (isFull()) return false;
  const ofTenant = kept.get(name.tenantId) ?? new Map<string, Meter>();
  kept.set(name.tenantId, ofTenant.set(keyOf(name), { rate, perMinute }));
  return true;
}

function placeOf(memory: MeterMemory, { tenantId, scope }: MeterName) {
  const isUser = scope.startsWith("user:");
  const kept = isUser ? memory.users : memory.own;
  const meters = kept.get(tenantId);
  return isUser
    ? { kept, meters, countMax: USERS_MAX, ofTenantMax: USERS_OF_TENANT_MAX }
    : { kept, meters, countMax: OWN_MAX, ofTenantMax: OWN_MAX };
}

function keyOf({ scope, limit }: MeterName): string {
  return `${scope}|${limit}`;
}

function sizeOf(kept: Kept): number {
  let size = 0;
  for (const meters of kept.values()) size += meters.size;
  return size;
}

/** Throws away what has drained, which is as good as new. */
function sweep(memory: MeterMemory, nowMs: number): void {
  if (nowMs - memory.sweptAtMs < SWEPT_EVERY_MS) return;
  memory.sweptAtMs = nowMs;
  for (const kept of [memory.own, memory.users])
    for (const [tenantId, meters] of kept) {
      for (const [key, { rate, perMinute }] of meters)
        if (roomIn(rate, perMinute, 0, nowMs) >= 0) meters.delete(key);
      if (meters.size === 0) kept.delete(tenantId);
    }
}
