// What a conversation ran on before. Asked only when there is a conversation to remember, told only on a change.
import { parseArm, armName, type Arm } from "../policies/mode.ts";
import { logError } from "./log.ts";

/** One conversation's object, as a caller across the network sees it. */
export interface ConversationPort {
  recall(): Promise<{ arm: string; atMs: number; undegraded?: string } | null>;
  remember(arm: string, undegraded?: string): Promise<unknown>;
}

export interface Remembered {
  readonly arm: Arm;
  /** What it would have run on without the budget's price; null where it ran on that. */
  readonly undegraded: Arm | null;
}

export class Conversations {
  readonly #reach: (tenantId: string, sessionHash: string) => ConversationPort;

  constructor(reach: (tenantId: string, sessionHash: string) => ConversationPort) {
    this.#reach = reach;
  }

  /** What the conversation's last turn ran on. Null also when memory fails: a fresh choice is a fair answer then. */
  async recall(tenantId: string, sessionHash: string): Promise<Remembered | null> {
    try {
      const memory = await this.#reach(tenantId, sessionHash).recall();
      const arm = memory === null ? null : parseArm(memory.arm);
      if (memory === null || arm === null) return null;
      return { arm, undegraded: parseArm(memory.undegraded ?? "") };
    } catch (error) {
      logError("conversation-unreachable", { problem: String(error) });
      return null;
    }
  }

  async remember(
    tenantId: string,
    sessionHash: string,
    { arm, undegraded }: Remembered,
  ): Promise<void> {
    try {
      await this.#reach(tenantId, sessionHash).remember(
        armName(arm),
        ...(undegraded === null ? [] : [armName(undegraded)]),
      );
    } catch (error) {
      logError("conversation-unreachable", { problem: String(error) });
    }
  }
}
