// Names of leases, and how long an owner remembers those that have ended: so that a message that comes twice is one, and so
// that what is remembered is bounded.
import type { LeaseState } from "./loan.ts";

/**
 * An ask that is older is answered with nothing, so that the ids of ended leases need not be kept longer. The lender's own
 * clock decides both, by the minute that stands in the id, and it never goes back: an id that was dropped is always old.
 */
const ASK_MINUTES_MAX = 24 * 60;
const MINUTE_MS = 60_000;
/**
 * Ids of ended leases that are kept at most, as a rule: 90 bytes each. Of more the oldest go sooner, and with them every ask
 * of their minute and before; but not of this minute and the last one, up to twice as many.
 */
const RETURNED_MAX = 20_000;

/** Names a lease for ever: chance tells it from all others, and it says when it was asked for. */
export function leaseIdAt(uuid: string, atMs: number): string {
  return `${uuid}:${Math.floor(atMs / MINUTE_MS)}`;
}

function minuteOf(leaseId: string): number {
  return Number(leaseId.slice(leaseId.lastIndexOf(":") + 1));
}

/** Whether an ask comes too late to be told from one that was answered. */
export function isStale({ staleMinute }: LeaseState, leaseId: string, atMs: number): boolean {
  const minute = minuteOf(leaseId);
  return !(minute > staleMinute && Math.floor(atMs / MINUTE_MS) - minute <= ASK_MINUTES_MAX);
}

/** A lease has ended. Ids go in the order in which they ended, so that an old one behind a younger one waits a little longer. */
export function noteReturned(leases: LeaseState, leaseId: string, atMs: number): void {
  const { returned } = leases;
  returned.add(leaseId);
  const keptFrom = Math.floor(atMs / MINUTE_MS) - 1;
  for (const old of returned) {
    const isTooMany =
      returned.size > 2 * RETURNED_MAX ||
      (returned.size > RETURNED_MAX && minuteOf(old) < keptFrom);
    if (!isTooMany && !isStale(leases, old, atMs)) break;
    returned.delete(old);
    if (isTooMany) leases.staleMinute = Math.max(leases.staleMinute, minuteOf(old));
  }
}
