// Calls whose end was told before their question came: the two travel apart, and a call that is over must not get a slot
// which nobody would give back.

/** Ids, the oldest forgotten first: some 100 bytes each. One that is forgotten costs a slot until its call expires. */
export const EARLY_MAX = 4_096;
/** Far longer than a question is under way. */
export const EARLY_MS = 300_000;

export class EarlyEnds {
  readonly #endedMs = new Map<string, number>();

  /** An end that fits no call that is known. */
  add(callId: string, nowMs: number): void {
    this.#endedMs.delete(callId);
    this.#endedMs.set(callId, nowMs);
    if (this.#endedMs.size <= EARLY_MAX) return;
    for (const oldest of this.#endedMs.keys()) {
      this.#endedMs.delete(oldest);
      return;
    }
  }

  /** Whether the call is over already. It is asked once. */
  take(callId: string, nowMs: number): boolean {
    const endedMs = this.#endedMs.get(callId);
    if (endedMs === undefined) return false;
    this.#endedMs.delete(callId);
    return Math.abs(nowMs - endedMs) <= EARLY_MS;
  }
}
