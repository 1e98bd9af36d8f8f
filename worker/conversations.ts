// What a conversation ran on before. Asked only when there is a conversation to remember, told only on a change.
import { parseArm, armName, type Arm } from "../policies/mode.ts";
import { logError } from "./log.ts";

/** One conversation's object, as a caller across the network sees it. */
export interface ConversationPort {
  recall(): Promise<{ arm: string; atMs: number } | null>;
  remember(arm: string): Promise<unknown>;
}

export class Conversations {
  readonly #reach: (tenantId: string, sessionHash: string) => ConversationPort;

  constructor(reach: (tenantId: string, sessionHash: string) => ConversationPort) {
    this.#reach = reach;
  }

  /** The arm of the conversation's last turn. Null also when memory fails: a fresh choice is a fair answer then. */
  async recall(tenantId: string, sessionHash: string): Promise<Arm | null> {
    try {
      const memory = await this.#reach(tenantId, sessionHash).recall();
      return memory === null ? null : parseArm(memory.arm);
    } catch (error) {
      logError("conversation-unreachable", { problem: String(error) });
      return null;
    }
  }

  async remember(tenantId: string, sessionHash: string, arm: Arm): Promise<void> {
    try {
      await this.#reach(tenantId, sessionHash).remember(armName(arm));
    } catch (error) {
      logError("conversation-unreachable", { problem: String(error) });
    }
  }
}
