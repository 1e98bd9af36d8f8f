// Brings what became of requests to the heads that learn from it: gathered for a second and sent as one message, after the
// answer. What is lost on the way was one lesson of many, so nothing waits for it and little is tried again.
import { DECISIONS_PER_MESSAGE_MAX, type Decision } from "../policies/head/decision.ts";
import { logError } from "./log.ts";
import type { HeadPort } from "./ports.ts";
import { pause, TIMED_OUT, within } from "./stream/wait.ts";

/** A head is told at most once in this time by each isolate, of at most `DECISIONS_PER_MESSAGE_MAX`. */
export const GATHER_MS = 1_000;
/** Over all heads, so that an isolate of many tenants keeps no more than some megabytes. */
const GATHERED_MAX = 2_000;
/** A request that gathers for others and was cut is not waited for longer than this. */
const OVERDUE_MS = 3 * GATHER_MS;
const SEND_MS_MAX = 5_000;
const TRIES_MAX = 2;

interface Gathering {
  readonly decisions: Decision[];
  /** Those above the bound. All were alike to it, so what is learned is only learned later. */
  dropped: number;
  readonly untilMs: number;
}

/** Plain data, shared by the requests of an isolate. */
export type LessonMemory = Map<string, Gathering>;

export class Lessons {
  readonly #reach: (tenantId: string, policyName: string) => HeadPort;
  readonly #memory: LessonMemory;
  readonly #now: () => number;

  constructor(
    reach: (tenantId: string, policyName: string) => HeadPort,
    memory: LessonMemory,
    now: () => number,
  ) {
    this.#reach = reach;
    this.#memory = memory;
    this.#now = now;
  }

  /** Ends when the decision was sent, or another request has it in hand. Never throws. */
  async tell(tenantId: string, policyName: string, decision: Decision): Promise<void> {
    const name = `${tenantId}:${policyName}`;
    const standing = this.#memory.get(name);
    if (standing !== undefined && standing.untilMs > this.#now()) {
      if (standing.decisions.length < DECISIONS_PER_MESSAGE_MAX && this.#hasRoom())
        standing.decisions.push(decision);
      else standing.dropped += 1;
      return;
    }
    // Whoever gathered before was cut; what it had goes now.
    const untilMs = this.#now() + OVERDUE_MS;
    const left = standing?.decisions.slice(0, DECISIONS_PER_MESSAGE_MAX - 1) ?? [];
    const gathering = { decisions: [...left, decision], dropped: standing?.dropped ?? 0, untilMs };
    this.#memory.set(name, gathering);
    await pause(GATHER_MS, new AbortController().signal);
    if (this.#memory.get(name) === gathering) this.#memory.delete(name);
    await send(this.#reach, tenantId, policyName, gathering);
  }

  #hasRoom(): boolean {
    let gathered = 0;
    for (const { decisions } of this.#memory.values()) gathered += decisions.length;
    return gathered < GATHERED_MAX;
  }
}

/** The head knows each request by its id, so that a message that came and was not confirmed does no harm. */
async function send(
  reach: (tenantId: string, policyName: string) => HeadPort,
  tenantId: string,
  policyName: string,
  { decisions, dropped }: Gathering,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const told = await within(
        reach(tenantId, policyName).record(decisions, dropped),
        SEND_MS_MAX,
      );
      if (told === TIMED_OUT) throw new Error(`no answer within ${SEND_MS_MAX} ms`);
      return;
    } catch (error) {
      if (tries < TRIES_MAX) {
        await pause(GATHER_MS, new AbortController().signal);
        continue;
      }
      const count = decisions.length;
      logError("lessons-lost", {
        tenant: tenantId,
        policy: policyName,
        count,
        problem: String(error),
      });
      return;
    }
  }
}
