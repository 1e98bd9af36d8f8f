// What is left of each limit, as the witness reckons it.
import type { HoldRequest, Offer } from "../../policies/account.ts";
import type { Amounts } from "../../policies/ledger/amounts.ts";
import { heldFor } from "./owed.ts";
import type { Watch } from "./watch.ts";
import { bucketOf, type Before } from "./witness.ts";

export interface WitnessedRoom {
  readonly scope: string;
  readonly dimension: keyof Amounts;
  readonly window: string;
  readonly remaining: number;
}

/** What is left of every limit but the rates. */
export function roomsOf(
  { witness }: Watch,
  request: HoldRequest,
  before: readonly Before[],
  pinnedAtMs: number,
): WitnessedRoom[] {
  return request.scopes.flatMap(({ scope, limits }) =>
    limits.flatMap(({ dimension, window, limit }): WitnessedRoom[] => {
      const own = bucketOf(scope, window, request, pinnedAtMs);
      const names = before
        .filter((of) => of.window === window)
        .map(({ key }) => `${scope}|${window}|${key}`);
      return (own === null ? names : [own, ...names]).map((name) => {
        const { spent, held } = witness.sumsOf(name);
        const remaining = limit - spent[dimension] - held[dimension];
        return { scope, dimension, window, remaining };
      });
    }),
  );
}

export function leastOf(offer: Offer, request: HoldRequest): Amounts {
  return heldFor(offer, request.requests, Math.min(offer.outputTokensMin, offer.outputTokens));
}

export function blocking(rooms: readonly WitnessedRoom[], needs: Amounts): WitnessedRoom[] {
  return rooms.filter(
    ({ dimension, remaining }) => needs[dimension] > 0 && needs[dimension] > remaining,
  );
}
