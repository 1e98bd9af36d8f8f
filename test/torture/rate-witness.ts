// Watches rates by their definition: a list of what was admitted when, against the share and the burst in every stretch of
// time that ends with an admission. What came back is as if it had never been admitted.
import type { HoldRequest } from "../../policies/account.ts";
import type { Amounts } from "../../policies/ledger/amounts.ts";
import type { Limit } from "../../policies/ledger/limit.ts";
import type { Promises } from "./promises.ts";
import type { WatchedCall } from "./witness.ts";

const MINUTE_MS = 60_000;

interface Piece {
  readonly callId: string;
  readonly atMs: number;
  /** As it was admitted. */
  readonly gross: number;
  /** Without what came back. */
  net: number;
}

interface Watched {
  readonly pieces: Piece[];
  /** The most that any request was admitted under: an edit may have changed it. */
  perMinute: number;
  burst: number;
  /** It has drained at more than one speed, and how much at which is the meter's own affair. */
  isEdited: boolean;
}

export class RateWitness {
  readonly #rates = new Map<string, Watched>();

  take({ request }: WatchedCall, amounts: Amounts, nowMs: number, promises: Promises): void {
    for (const { rate, limit, name } of this.#of(request)) {
      if (rate.perMinute > 0 && rate.perMinute !== limit.limit) rate.isEdited = true;
      rate.perMinute = Math.max(rate.perMinute, limit.limit);
      rate.burst = Math.max(rate.burst, limit.burst ?? limit.limit);
      const units = amounts[limit.dimension];
      if (units === 0) continue;
      rate.pieces.push({ callId: request.callId, atMs: nowMs, gross: units, net: units });
      let sum = 0;
      for (const { atMs, net } of rate.pieces.toReversed()) {
        sum += net;
        const most = (rate.perMinute * (nowMs - atMs)) / MINUTE_MS + rate.burst;
        promises.hold("P12", sum <= most, () => `${name}: ${sum} of ${most} since ${atMs}`);
      }
    }
  }

  /** A call ends: the latest of what it took comes back first; what it used beyond was never admitted, but counts. */
  settle({ request }: WatchedCall, charged: Amounts, nowMs: number): void {
    const { callId } = request;
    for (const { rate, limit } of this.#of(request)) {
      const own = rate.pieces.filter((piece) => piece.callId === callId);
      const taken = own.reduce((sum, { net }) => sum + net, 0);
      let unused = taken - charged[limit.dimension];
      if (unused < 0) rate.pieces.push({ callId, atMs: nowMs, gross: -unused, net: -unused });
      for (const piece of own.toReversed()) {
        const back = Math.min(Math.max(0, unused), piece.net);
        piece.net -= back;
        unused -= back;
      }
    }
  }

  /** A late correction: only while the call is still in suspense does its rate hear of it. */
  raise({ request, state }: WatchedCall, more: Amounts, nowMs: number): void {
    if (state !== "suspended") return;
    for (const { rate, limit } of this.#of(request)) {
      const units = more[limit.dimension];
      if (units > 0)
        rate.pieces.push({ callId: request.callId, atMs: nowMs, gross: units, net: units });
    }
  }

  /** Whether a rate may refuse so much. What has come back may still count, since some of it had drained before. */
  mayRefuse(request: HoldRequest, needs: Amounts, nowMs: number): boolean {
    return this.#of(request).some(({ rate, limit }) => {
      const units = needs[limit.dimension];
      if (rate.isEdited || (rate.perMinute > 0 && rate.perMinute !== limit.limit)) return true;
      let [level, sinceMs] = [0, 0];
      for (const { atMs, net } of rate.pieces) {
        level = Math.max(0, level - ((atMs - sinceMs) * limit.limit) / MINUTE_MS) + net;
        sinceMs = atMs;
      }
      level = Math.max(0, level - ((nowMs - sinceMs) * limit.limit) / MINUTE_MS);
      return units > 0 && level + units > (limit.burst ?? limit.limit);
    });
  }

  #of({ scopes }: HoldRequest): { rate: Watched; limit: Limit; name: string }[] {
    return scopes.flatMap(({ scope, limits }) =>
      limits
        .filter(({ window }) => window === "minute")
        .map((limit) => {
          const name = `${scope}|${limit.dimension}`;
          const rate: Watched = this.#rates.get(name) ?? {
            pieces: [],
            perMinute: 0,
            burst: 0,
            isEdited: false,
          };
          this.#rates.set(name, rate);
          return { rate, limit, name };
        }),
    );
  }
}
