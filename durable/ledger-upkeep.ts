// What a ledger does for itself by alarm: snapshots, so that starts stay short, and pruning, so that storage ends
// somewhere. A fault here costs time and never a balance.
import type { Book } from "./ledger-book.ts";
import { hashAfter } from "./ledger-export.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Entries after which an alarm writes a snapshot: a start replays some 20 ms of them at most, plus one grid of alarms. */
const SNAPSHOT_EVERY = 2_000;
/** The current month and the one before can always be replayed whole. */
const KEPT_MS = 70 * DAY_MS;
/** An id that ended is known at least this long, however long its call ran. */
const ENDED_KEPT_MS = DAY_MS;
/** Buckets that turn stay so long after a snapshot last found them changed, so that no late line finds its window gone. */
const BUCKET_KEPT_MS = KEPT_MS + 31 * DAY_MS;
/** Lines that one alarm prunes; it comes again at once for the rest. */
const PRUNED_PER_ALARM_MAX = 2_000;
/** Looking for what is old reads lines, so it is not done with every alarm. */
const PRUNING_EVERY_MS = HOUR_MS;

export class Upkeep {
  readonly #storage: DurableObjectStorage;
  readonly #book: Book;
  /** When to look for old lines next. */
  #pruningAtMs = 0;

  constructor(storage: DurableObjectStorage, book: Book) {
    this.#storage = storage;
    this.#book = book;
  }

  /** When there is something to do; infinity while there is nothing. */
  dueMs(nowMs: number): number {
    const { entriesSinceSnapshot, isWhole, journal } = this.#book;
    if (!isWhole) return Infinity;
    if (entriesSinceSnapshot >= SNAPSHOT_EVERY) return nowMs;
    const { firstAtMs } = journal;
    return firstAtMs === null ? Infinity : Math.max(firstAtMs + KEPT_MS, this.#pruningAtMs);
  }

  async run(nowMs: number): Promise<void> {
    // A line that only a newer version reads is missing in what stands here: nothing may stand for it.
    if (!this.#book.isWhole) return;
    if (this.#book.entriesSinceSnapshot >= SNAPSHOT_EVERY) this.#snapshot();
    if (nowMs >= this.#pruningAtMs) await this.#prune(nowMs);
  }

  #snapshot(): void {
    this.#storage.transactionSync(() => this.#book.saveSnapshot());
    this.#book.keepSnapshot();
  }

  async #prune(nowMs: number): Promise<void> {
    const { journal, buckets } = this.#book;
    const seq = journal.prunable(nowMs - KEPT_MS, nowMs - ENDED_KEPT_MS, PRUNED_PER_ALARM_MAX);
    if (seq !== null) {
      const hash = await hashAfter(journal, seq);
      // After the wait: the snapshot must stand for every line that goes.
      if (this.#book.snapshotSeq < seq) this.#snapshot();
      this.#storage.transactionSync(() => journal.prune(seq, hash));
    }
    this.#storage.transactionSync(() => {
      buckets.prune(nowMs - BUCKET_KEPT_MS, PRUNED_PER_ALARM_MAX);
      journal.pruneWords(nowMs, PRUNED_PER_ALARM_MAX);
    });
    this.#pruningAtMs = seq === null ? nowMs + PRUNING_EVERY_MS : 0;
  }
}
