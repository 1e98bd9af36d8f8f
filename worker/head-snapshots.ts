// What each tenant's head has learned, as this isolate last read it: a request is advised by a copy of some seconds, and
// without one is answered by the shipped probe alone. Plain data, shared by the isolate's requests.
import type { Advice, HeadInput } from "../policies/head/head.ts";
import { advise, solutionOf } from "../policies/head/advise.ts";
import { decodeHead, type Head } from "../policies/head/state.ts";
import { logError } from "./log.ts";
import type { HeadPort } from "./ports.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

/** A copy of this age is read again, while it still advises: what was learned is believed this much later. */
export const FRESH_MS = 15_000;
/** An older copy advises nobody: a head that was reset or frozen since must not go on here. */
const STALE_MS_MAX = 5 * 60_000;
/** A request that finds no copy waits this long for one, and no longer, whatever the object does. */
export const LOAD_WAIT_MS_MAX = 25;
/** A head that did not answer is not waited for again for this long. */
const AWAY_MS = 10_000;
/** One that answers later than this is given up, so that another request may ask. */
const LOAD_MS_MAX = 5_000;
/** Heads kept in one isolate, and what they may take of its 128 MB. */
const HEADS_MAX = 200;
const BYTES_MAX = 32 * 1024 * 1024;
/** What was decoded, and what was solved from it, each in double precision. */
const MEMORY_PER_BYTE = 4;

interface Kept {
  readonly revision: number;
  /** Null: nothing was learned yet. */
  readonly head: Head | null;
  readonly bytes: number;
  readonly atMs: number;
}

export interface HeadMemory {
  readonly kept: Map<string, Kept>;
  /** Until when a head is being asked for, or not to be waited for: a request that is cut never says so. */
  readonly asking: Map<string, number>;
}

export function newHeadMemory(): HeadMemory {
  return { kept: new Map(), asking: new Map() };
}

export interface Advised {
  readonly advice: Advice;
  readonly ageMs: number;
}

export class HeadSnapshots {
  readonly #reach: (tenantId: string, policyName: string) => HeadPort;
  readonly #memory: HeadMemory;
  readonly #now: () => number;

  constructor(
    reach: (tenantId: string, policyName: string) => HeadPort,
    memory: HeadMemory,
    now: () => number,
  ) {
    this.#reach = reach;
    this.#memory = memory;
    this.#now = now;
  }

  /** The head's advice on a question; null where nothing was learned or no copy is to be had in time. */
  async advise(
    tenantId: string,
    policyName: string,
    input: () => HeadInput,
    finish: (work: Promise<unknown>) => void,
  ): Promise<Advised | null> {
    const name = `${tenantId}:${policyName}`;
    const { kept, asking } = this.#memory;
    const isAsked = (asking.get(name) ?? 0) > this.#now();
    const standing = this.#usable(name);
    if (!isAsked && (standing === null || this.#now() - standing.atMs >= FRESH_MS)) {
      asking.set(name, this.#now() + LOAD_MS_MAX);
      const loading = this.#load(name, tenantId, policyName, kept.get(name)?.revision ?? null);
      finish(loading);
      if (standing === null) await within(loading, LOAD_WAIT_MS_MAX);
    }
    const found = this.#usable(name);
    if (found === null || found.head === null) return null;
    return { advice: advise(found.head, input()), ageMs: this.#now() - found.atMs };
  }

  #usable(name: string): Kept | null {
    const kept = this.#memory.kept.get(name);
    return kept !== undefined && this.#now() - kept.atMs < STALE_MS_MAX ? kept : null;
  }

  async #load(
    name: string,
    tenantId: string,
    policyName: string,
    knownRevision: number | null,
  ): Promise<void> {
    const { kept, asking } = this.#memory;
    try {
      const snapshot = await within(
        this.#reach(tenantId, policyName).snapshot(knownRevision),
        LOAD_MS_MAX,
      );
      if (snapshot === TIMED_OUT) throw new Error(`no answer within ${LOAD_MS_MAX} ms`);
      const { revision, state } = snapshot;
      const known = kept.get(name);
      const head = state === null ? null : decodeHead(state);
      // Solved here, where nobody waits: it takes milliseconds, and a question then a tenth of one.
      for (const arm of head?.arms.values() ?? []) solutionOf(arm);
      const isSame = state === null && known?.revision === revision;
      this.#keep(name, {
        revision,
        head: isSame ? known.head : head,
        bytes: isSame ? known.bytes : MEMORY_PER_BYTE * (state?.byteLength ?? 0),
        atMs: this.#now(),
      });
      asking.delete(name);
    } catch (error) {
      asking.set(name, this.#now() + AWAY_MS);
      logError("head-unreachable", { head: name, problem: String(error) });
    }
    if (asking.size > HEADS_MAX)
      for (const [other, untilMs] of asking) if (untilMs <= this.#now()) asking.delete(other);
  }

  /** Those that were read longest ago go first. */
  #keep(name: string, one: Kept): void {
    const { kept } = this.#memory;
    kept.delete(name);
    kept.set(name, one);
    let bytes = 0;
    for (const other of kept.values()) bytes += other.bytes;
    for (const [oldest, other] of kept) {
      if (kept.size <= HEADS_MAX && bytes <= BYTES_MAX) break;
      kept.delete(oldest);
      bytes -= other.bytes;
    }
  }
}

/** Has a head read anew before it advises again. */
export function forgetHead(memory: HeadMemory, tenantId: string, policyName: string): void {
  const name = `${tenantId}:${policyName}`;
  memory.kept.delete(name);
  memory.asking.delete(name);
}
