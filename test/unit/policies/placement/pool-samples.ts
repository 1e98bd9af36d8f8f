// A pool of three replicas and calls for it, for the tests of what stands around placement.
import type { EndedCall, PlaceRequest, PoolSettings } from "../../../../policies/placement/pool.ts";

export const FINE: EndedCall = { inputTokens: null, cachedTokens: null, isFault: false };
export const FAULT: EndedCall = { inputTokens: null, cachedTokens: null, isFault: true };
export const UNTOLD: EndedCall = { inputTokens: null, cachedTokens: null, isFault: null };

export function settings(changes: Partial<PoolSettings> = {}, replicas = 3): PoolSettings {
  return {
    replicas: Array.from({ length: replicas }, (_, i) => replica(`r${i}`)),
    concurrencyMax: null,
    order: "arrival",
    waitMsMax: 10_000,
    breaker: { failures: 3, windowMs: 30_000, cooldownMs: 10_000 },
    ...changes,
  };
}

export function replica(id: string, concurrencyMax: number | null = null) {
  return { id, capacityTokens: 64_000, prefillTokensPerSecond: 1000, concurrencyMax };
}

/** A prompt of so many blocks, its keys from `first` on. */
export function ask(
  callId: string,
  first = 1,
  length = 10,
  changes: Partial<PlaceRequest> = {},
): PlaceRequest {
  return {
    callId,
    tenant: "acme",
    blocks: Float64Array.from({ length }, (_, i) => first + i),
    inputTokens: length * 64,
    expiresInMs: 600_000,
    ...changes,
  };
}
