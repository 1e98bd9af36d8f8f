// Calls that had a slot before the index slept: they have it until they end or expire, and of them only that is known.
import type { Members } from "./members.ts";
import type { OpenCalls, StoredCall } from "./open-calls.ts";

const UNKNOWN_MATCH = { matchedBlocks: 0, cachedTokens: 0, waitedMs: 0 };

export class LostCalls {
  readonly #members: Members;
  readonly #calls: OpenCalls;
  /** Those of replicas that nobody has named since. */
  readonly #absent = new Map<string, StoredCall>();

  constructor(members: Members, calls: OpenCalls) {
    this.#members = members;
    this.#calls = calls;
  }

  add(calls: readonly StoredCall[]): void {
    for (const call of calls) this.#absent.set(call.callId, call);
    this.readmit();
  }

  /** Those of replicas that are named by now get their slots back. */
  readmit(): void {
    const { newest } = this.#members;
    if (newest === null) return;
    for (const { callId, replica, expiresAtMs } of this.#absent.values()) {
      const member = this.#members.find(replica);
      if (member === null) continue;
      this.#absent.delete(callId);
      member.running++;
      const answer = { kind: "placed", replica, ...UNKNOWN_MATCH } as const;
      const { settings } = newest;
      const unknown = { tenant: "", ticket: null, blockCount: 0, isKeyless: true, isTrial: false };
      this.#calls.open({ callId, member, expiresAtMs, answer, settings, ...unknown });
    }
  }

  /** Of one whose replica nobody named, its end. False: it is none. */
  end(callId: string): boolean {
    return this.#absent.delete(callId);
  }
}
