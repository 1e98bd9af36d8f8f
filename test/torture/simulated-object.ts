// The object that keeps a ledger, with what befalls objects: it dies between and within turns, its clock jumps, its alarm
// comes late, twice or not at all.
import type { Chance } from "../unit/worker/fuzz-chance.ts";
import type { Act, Answer, Snapshot } from "./ledger-model.ts";
import type { Schedule } from "./schedule.ts";
import type { Watch } from "./watch.ts";

const HOUR_MS = 3_600_000;
const ALARM_LATE_MS_MAX = 120_000;
/** A turn in so many. */
const CRASH_ONCE_IN = 40;
const JUMP_ONCE_IN = 150;
const ALARM_LOST_ONCE_IN = 5;
const SNAPSHOT_ONCE_IN = 30;

export class SimulatedObject {
  readonly watch: Watch;
  readonly #schedule: Schedule;
  readonly #chance: Chance;
  #skewMs = 0;
  #snapshot: Snapshot | null = null;
  #alarmAtMs: number | null = null;
  isCalm = false;

  constructor(watch: Watch, schedule: Schedule, chance: Chance) {
    this.watch = watch;
    this.#schedule = schedule;
    this.#chance = chance;
  }

  get clockMs(): number {
    return this.#schedule.nowMs + this.#skewMs;
  }

  /** Null: the object died before it could answer. */
  receive(act: Act): Answer | null {
    if (!this.isCalm && this.#chance.once(JUMP_ONCE_IN))
      this.#skewMs += Math.round((this.#chance.fraction() - 0.5) * 4 * HOUR_MS);
    if (!this.isCalm && this.#chance.once(CRASH_ONCE_IN)) {
      this.#die(act);
      return null;
    }
    const { answer } = this.watch.perform(act, this.clockMs);
    if (this.#chance.once(SNAPSHOT_ONCE_IN)) this.#snapshot = this.watch.model.snapshot();
    this.#setAlarm();
    return answer;
  }

  /** Starts anew, which sets an alarm that was lost. */
  wake(): void {
    this.watch.crash(this.#chance.once(2) ? this.#snapshot : null);
    this.#alarmAtMs = null;
    this.#setAlarm();
  }

  /** Faults are over. */
  calm(): void {
    this.isCalm = true;
    this.wake();
  }

  #die(act: Act): void {
    switch (this.#chance.whole(3)) {
      case 0:
        // Before anything was committed: nothing has happened.
        break;
      case 1:
        // Between the transaction that swept and its own.
        this.watch.perform({ op: "sweep" }, this.clockMs);
        break;
      default:
        // After the commit: it happened, and nobody was told.
        this.watch.perform(act, this.clockMs);
    }
    this.wake();
  }

  #setAlarm(): void {
    const { model } = this.watch;
    const dueMs = model.core.nextDueMs(model.state);
    if (!Number.isFinite(dueMs)) return;
    const isSet = this.#alarmAtMs !== null && this.#alarmAtMs <= dueMs;
    if (isSet && (this.#alarmAtMs ?? 0) > this.clockMs) return;
    this.#alarmAtMs = dueMs;
    const inMs = Math.max(1, dueMs - this.clockMs);
    if (!this.isCalm && this.#chance.once(ALARM_LOST_ONCE_IN)) return;
    const lateMs = this.isCalm ? 0 : this.#chance.whole(ALARM_LATE_MS_MAX);
    this.#schedule.after(inMs + lateMs, () => this.#ring());
    if (!this.isCalm && this.#chance.once(ALARM_LOST_ONCE_IN))
      this.#schedule.after(inMs + 2 * lateMs, () => this.#ring());
  }

  #ring(): void {
    this.#alarmAtMs = null;
    if (!this.isCalm && this.#chance.once(CRASH_ONCE_IN)) {
      this.#die({ op: "sweep" });
      return;
    }
    this.watch.perform({ op: "sweep" }, this.clockMs);
    this.#setAlarm();
  }
}
