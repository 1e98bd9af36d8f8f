// One conversation of one tenant: which arm it last ran on, so that the next turn finds its prompt cache. Forgets
// itself a day after the last use.
import { DurableObject } from "cloudflare:workers";

export interface LastArm {
  readonly arm: string;
  readonly atMs: number;
  /** What it would have been without the budget's price; absent where it was that. */
  readonly undegraded?: string;
}

/** No provider keeps a prompt cache for longer than a day, so an older arm is not worth staying with. */
const KEPT_MS = 24 * 60 * 60 * 1000;

/** A recall counts as a use, but writes only when the last one is this old: turns come thick, and a write is billed. */
const TOUCHED_AFTER_MS = 10 * 60 * 1000;

const LAST = "last";

export class Conversation extends DurableObject<Env> {
  /** The arm of the last turn and when the conversation was last used before now. */
  recall(): LastArm | null {
    const last = this.#last();
    const nowMs = Date.now();
    // An alarm may be late; what is due to be forgotten is not told any more.
    if (last === null || nowMs >= last.atMs + KEPT_MS) return null;
    if (nowMs >= last.atMs + TOUCHED_AFTER_MS) this.#keep({ ...last, atMs: nowMs });
    return last;
  }

  /** Answers when it was remembered. */
  remember(arm: string, undegraded?: string): number {
    const atMs = Date.now();
    this.#keep({ arm, atMs, ...(undegraded === undefined ? {} : { undegraded }) });
    return atMs;
  }

  /** At least once, and perhaps late: a conversation that was used meanwhile stays. */
  override async alarm(): Promise<void> {
    const last = this.#last();
    if (last !== null && Date.now() < last.atMs + KEPT_MS) {
      await this.ctx.storage.setAlarm(last.atMs + KEPT_MS);
      return;
    }
    await this.ctx.storage.deleteAll();
  }

  #keep(last: LastArm): void {
    this.ctx.storage.kv.put<LastArm>(LAST, last);
    // Not awaited: the output gate holds the answer back until both are stored.
    void this.ctx.storage.setAlarm(last.atMs + KEPT_MS);
  }

  #last(): LastArm | null {
    return this.ctx.storage.kv.get<LastArm>(LAST) ?? null;
  }
}
