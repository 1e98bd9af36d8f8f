// One conversation of one tenant: which arm it last ran on, so that the next turn finds its prompt cache. Forgets
// itself a day after the last use.
import { DurableObject } from "cloudflare:workers";

export interface LastArm {
  readonly arm: string;
  readonly atMs: number;
}

/** No provider keeps a prompt cache for longer than a day, so an older arm is not worth staying with. */
const KEPT_MS = 24 * 60 * 60 * 1000;

const LAST = "last";

export class Conversation extends DurableObject<Env> {
  recall(): LastArm | null {
    const last = this.#last();
    // An alarm may be late; what is due to be forgotten is not told any more.
    return last === null || Date.now() >= last.atMs + KEPT_MS ? null : last;
  }

  async remember(arm: string): Promise<void> {
    const atMs = Date.now();
    this.ctx.storage.kv.put<LastArm>(LAST, { arm, atMs });
    await this.ctx.storage.setAlarm(atMs + KEPT_MS);
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

  #last(): LastArm | null {
    return this.ctx.storage.kv.get<LastArm>(LAST) ?? null;
  }
}
