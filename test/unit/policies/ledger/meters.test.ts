// What a hold's answer tells of each limit stands as it is once the hold is taken: what is left, and when there is all again.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Hold, HoldRequest, Meter } from "../../../../policies/account.ts";
import { decideHold } from "../../../../policies/ledger/hold.ts";
import type { Limit } from "../../../../policies/ledger/limit.ts";
import { roomIn } from "../../../../policies/ledger/rate.ts";
import { apply, newState } from "../../../../policies/ledger/state.ts";
import { OFFER } from "./lease-messages.ts";

const NOW_MS = Date.parse("2030-05-15T12:00:00Z");
const NOBODY = { find: () => null };

function requestOf(callId: string, limits: readonly Limit[], inputTokens: number): HoldRequest {
  return {
    callId,
    keyId: "k",
    policyVersion: "1",
    variant: null,
    requests: 1,
    scopes: [{ scope: "tenant", limits }],
    zone: "UTC",
    session: null,
    offers: [{ ...OFFER, inputTokens, outputTokens: 1, outputTokensMin: 1, sliceTokens: 1 }],
    ttlMs: 60_000,
  };
}

function tokensPerMinute(limit: number, burst = limit): Limit {
  return { dimension: "tokens", window: "minute", limit, burst, hard: true };
}

describe("the meter of a rate", () => {
  it("is empty again when the call's own tokens have drained, not before", () => {
    const request = requestOf("a", [tokensPerMinute(6_000)], 4_999);
    const { answer } = decideHold(newState(), NOBODY, request, 0, 0, NOW_MS);
    expect((answer as Hold).meters).toMatchObject([
      { remaining: 1_000, resetInMs: 50_000, resetAtMs: NOW_MS + 50_000 },
    ]);
  });

  it("of a window that turns stays where the window ends", () => {
    const day: Limit = { dimension: "tokens", window: "day", limit: 6_000, hard: true };
    const { answer } = decideHold(newState(), NOBODY, requestOf("a", [day], 99), 0, 0, NOW_MS);
    expect((answer as Hold).meters).toMatchObject([
      { remaining: 5_900, resetInMs: 12 * 3_600_000 },
    ]);
  });

  it("is empty at the instant that was told and not a millisecond sooner, whatever came before", () => {
    const calls = fc.array(fc.record({ inputTokens: fc.nat(400), waitMs: fc.nat(20_000) }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_000 }), calls, (perMinute, history) => {
        const state = newState();
        const limit = tokensPerMinute(perMinute, 2_000);
        let nowMs = NOW_MS;
        for (const [index, { inputTokens, waitMs }] of history.entries()) {
          nowMs += waitMs;
          const request = requestOf(`c:${index}`, [limit], inputTokens);
          const { answer, entry } = decideHold(state, NOBODY, request, 0, 0, nowMs);
          if (entry !== null) apply(state, entry, NOBODY);
          if (answer.kind !== "held") continue;
          const [{ remaining, resetAtMs } = {} as Meter] = answer.meters;
          const roomAt = (atMs: number) =>
            roomIn(state.rates.get("tenant|tokens")!, perMinute, 2_000, atMs);
          expect(roomAt(nowMs)).toBe(remaining);
          expect(roomAt(resetAtMs!)).toBe(2_000);
          expect(roomAt(resetAtMs! - 1)).toBeLessThan(2_000);
        }
      }),
    );
  });
});
