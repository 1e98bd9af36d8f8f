// One conversation of one tenant: which arm it last ran on, so that the next turn finds its prompt cache. Forgets
// itself a day after the last use.
import { DurableObject } from "cloudflare:workers";

export interface LastArm {
  readonly arm: string;
  readonly atMs: number;
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
    if (nowMs >= last.atMs + TOUCHED_AFTER_MS) this.#keep(last.arm, nowMs);
    return last;
  }

  /** Answers when it was remembered. */
  remember(arm: string): number {
    const nowMs = Date.now();
    this.#keep(arm, nowMs);
    return nowMs;
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

  #keep(arm: string, atMs: number): void {
    this.ctx.storage.kv.put<LastArm>(LAST, { arm, atMs });
    // Not awaited: the output gate holds the answer back until both are stored.
    void this.ctx.storage.setAlarm(atMs + KEPT_MS);
  }

  #last(): LastArm | null {
    return this.ctx.storage.kv.get<LastArm>(LAST) ?? null;
  }
}
