// When a ledger's alarm is set to, so that it is set anew only where it has to come earlier.

/** Alarms stand on this grid, because each setting is a billed row and holds come thick. */
const ALARM_GRID_MS = 5_000;
/** An alarm that should have come this long ago is taken for lost and set again. */
const ALARM_OVERDUE_MS = 60_000;

export class Alarm {
  readonly #storage: DurableObjectStorage;
  #setMs: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** At a start: what was set before. */
  async recall(): Promise<void> {
    this.#setMs = await this.#storage.getAlarm();
  }

  /** It came. */
  clear(): void {
    this.#setMs = null;
  }

  /** Sets it for `dueMs`, not before `notBeforeMs`, unless it is set as early. Infinity: there is nothing to come for. */
  arm(dueMs: number, nowMs: number, notBeforeMs: number): void {
    if (dueMs === Infinity) return;
    const atMs = Math.max(Math.ceil(dueMs / ALARM_GRID_MS) * ALARM_GRID_MS, notBeforeMs);
    if (this.#setMs !== null && this.#setMs <= atMs && this.#setMs > nowMs - ALARM_OVERDUE_MS)
      return;
    this.#setMs = atMs;
    // Not awaited: the output gate holds every answer back until it is stored.
    void this.#storage.setAlarm(atMs);
  }
}
