// What the gateway is still to hear, as numbered batches, and what it heard of late, should it ask again. Too far back to
// repeat is answered with a snapshot of everything.
import {
  BATCH_KEYS_MAX,
  keysOf,
  type KvAnswer,
  type KvBatch,
  type KvOperation,
} from "../../../policies/prefix/kv-events.ts";
import type { ToldKeys } from "./told-keys.ts";

/** Of batches that are kept, heard or not: 8 MB, and a minute of a busy engine. */
const KEPT_KEYS_MAX = 1_048_576;
/** Batches that hold few keys are small, but not nothing. */
const KEPT_BATCHES_MAX = 4_096;
/** A gateway that asks so often for the same batch cannot take it. */
const SAME_REPLAY_MAX = 3;

export interface Sender {
  readonly pool: string;
  readonly replica: string;
  readonly model: string;
}

export class Outbox {
  readonly #sender: Sender;
  readonly #told: ToldKeys;
  #epoch: number;
  /** By sequence, one after another: the first is `#first`, the next to be made `#first + length`. */
  #kept: KvBatch[] = [];
  #first = 0;
  #cursor = 0;
  #keptKeys = 0;
  #isSnapshotDue = true;
  #replays = { from: -1, times: 0 };

  constructor(sender: Sender, told: ToldKeys, epoch: number) {
    this.#sender = sender;
    this.#told = told;
    this.#epoch = epoch;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isSnapshotDue(): boolean {
    return this.#isSnapshotDue;
  }

  /** Another engine or another relay than the gateway knows: all before is void, and it begins with a snapshot. */
  renew(nowMs: number, above = -1): void {
    this.#epoch = Math.max(this.#epoch + 1, above + 1, nowMs);
    this.#forget();
    this.#first = 0;
    this.#cursor = 0;
    this.#isSnapshotDue = true;
  }

  snapshot(): void {
    this.#isSnapshotDue = true;
  }

  /** The next batch to send, made from what changed when none is left over; null when there is nothing to say. */
  next(): KvBatch | null {
    if (this.#told.isOverfull) this.#isSnapshotDue = true;
    const kept = this.#kept[this.#cursor - this.#first];
    // Between two parts nothing else may stand, so what is left of an old snapshot gives way to the new one.
    if (kept !== undefined && !this.#isSnapshotDue) return kept;
    if (this.#isSnapshotDue) {
      this.#isSnapshotDue = false;
      this.#replays = { from: -1, times: 0 };
      this.#forget();
      const parts = this.#told.takeSnapshot(BATCH_KEYS_MAX);
      for (const part of parts) this.#number([part]);
    } else {
      if (this.#told.changes === 0) return null;
      this.#number(this.#told.takeChanges(BATCH_KEYS_MAX));
    }
    return this.#kept[this.#cursor - this.#first] ?? null;
  }

  /** Says nothing, and so learns what the gateway expects: it may have lost what it had. It uses up no sequence. */
  ask(): KvBatch {
    return this.next() ?? this.#batch([]);
  }

  answered(sent: KvBatch, { expected, wants }: KvAnswer, nowMs: number): void {
    if (sent.epoch !== this.#epoch) return;
    if (expected.epoch > this.#epoch) return this.renew(nowMs, expected.epoch);
    const end = this.#first + this.#kept.length;
    const isKept =
      expected.epoch === this.#epoch &&
      expected.sequence >= this.#first &&
      expected.sequence <= end;
    if (wants === "snapshot" || !isKept) return this.snapshot();
    const isTaken =
      sent.operations.length === 0
        ? expected.sequence >= sent.sequence
        : expected.sequence > sent.sequence;
    if (wants === "replay" || !isTaken) return this.#repeat(expected.sequence, end);
    this.#cursor = expected.sequence;
    this.#replays = { from: -1, times: 0 };
    this.#trim();
  }

  #repeat(from: number, end: number): void {
    this.#replays = { from, times: this.#replays.from === from ? this.#replays.times + 1 : 1 };
    if (from === end || this.#replays.times > SAME_REPLAY_MAX) return this.snapshot();
    this.#cursor = from;
  }

  #number(operations: readonly KvOperation[]): void {
    const batch = this.#batch(operations);
    this.#kept.push(batch);
    this.#keptKeys += countKeys(batch);
  }

  #batch(operations: readonly KvOperation[]): KvBatch {
    return {
      ...this.#sender,
      epoch: this.#epoch,
      sequence: this.#first + this.#kept.length,
      domain: "tokens64",
      // While changes wait, or parts follow, what is held is not what was told.
      ...(this.#told.changes === 0 && isWhole(operations) ? { held: this.#told.held } : {}),
      operations,
    };
  }

  /** What was heard makes room first; beyond that a gateway that is away too long gets a snapshot. */
  #trim(): void {
    let drop = 0;
    let keys = this.#keptKeys;
    while (
      this.#first + drop < this.#cursor &&
      (keys > KEPT_KEYS_MAX || this.#kept.length - drop > KEPT_BATCHES_MAX)
    )
      keys -= countKeys(this.#kept[drop++]!);
    this.#kept.splice(0, drop);
    this.#first += drop;
    this.#keptKeys = keys;
  }

  #forget(): void {
    this.#first += this.#kept.length;
    this.#cursor = this.#first;
    this.#kept = [];
    this.#keptKeys = 0;
  }
}

function isWhole(operations: readonly KvOperation[]): boolean {
  const last = operations.at(-1);
  return last?.op !== "snapshot" || last.part === last.parts - 1;
}

function countKeys({ operations }: KvBatch): number {
  return operations.reduce((sum, operation) => sum + keysOf(operation).length, 0);
}
