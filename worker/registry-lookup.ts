// Asks the registry for a document that KV does not know or cannot show: a new key opens at once, and a copy that was
// lost or went bad does no harm. Whatever KV's trouble is, one isolate asks only so often.
import type { FoundDocument } from "../policies/administration.ts";
import { logError } from "./log.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

/**
 * Lookups that one isolate begins in a second, of keys and of everything else apart: anybody can make up keys, and a
 * flood of them must not starve the documents that real tenants need. New keys are rare and each costs one; fifty
 * isolates that are all fed made-up keys stay below half of what one object answers (1,000 a second).
 */
export const LOOKUPS_PER_SECOND_MAX = 10;
/** A client waits for this before its first byte; the object answers within milliseconds or is in trouble. */
const LOOKUP_MS_MAX = 2_000;
/** Between two looks at whether another request has its answer. */
const LOOK_MS = 20;

export type Finding =
  | { readonly kind: "found"; readonly document: unknown }
  /** The registry has no such document. */
  | { readonly kind: "absent" }
  /** It could not be asked, so nothing is known. */
  | { readonly kind: "unasked" }
  /** Another request of this isolate asked for the same; the cache has what it heard, if it heard anything. */
  | { readonly kind: "elsewhere" };

/**
 * `name` is what KV calls the document. Who has a good copy to go on with does not wait for another's answer. `isLost`: KV
 * should know it and does not, which the registry then looks into.
 */
export type RegistryLookup = (name: string, mayWait: boolean, isLost: boolean) => Promise<Finding>;

/** Plain data, shared by the requests of an isolate: a request must not wait on another's promise. */
export interface LookupState {
  secondMs: number;
  keys: number;
  documents: number;
  /** What is being asked for, and when whoever asks has given up: a request that is cut never says so. */
  readonly asking: Map<string, number>;
}

export function newLookupState(): LookupState {
  return { secondMs: 0, keys: 0, documents: 0, asking: new Map() };
}

export function registryLookup(
  find: (name: string, isLost: boolean) => Promise<FoundDocument | null>,
  state: LookupState,
  now: () => number,
): RegistryLookup {
  return async function lookUp(name, mayWait, isLost) {
    if ((state.asking.get(name) ?? 0) > now()) {
      if (mayWait) await untilAnswered(state, name);
      return { kind: "elsewhere" };
    }
    if (!count(state, name.startsWith("key:") ? "keys" : "documents", now()))
      return { kind: "unasked" };
    state.asking.set(name, now() + LOOKUP_MS_MAX);
    try {
      const found = await within(find(name, isLost), LOOKUP_MS_MAX);
      if (found === TIMED_OUT) throw new Error(`no answer within ${LOOKUP_MS_MAX} ms`);
      if (found === null) return { kind: "absent" };
      return { kind: "found", document: JSON.parse(found.documentText) };
    } catch (error) {
      logError("registry-unreachable", { problem: String(error) });
      return { kind: "unasked" };
    } finally {
      state.asking.delete(name);
    }
  };
}

/** Whether there is room for one more in this second, which is then taken. */
function count(state: LookupState, of: "keys" | "documents", nowMs: number): boolean {
  const secondMs = Math.floor(nowMs / 1000) * 1000;
  if (state.secondMs !== secondMs) {
    Object.assign(state, { secondMs, keys: 0, documents: 0 });
    for (const [name, untilMs] of state.asking) if (untilMs <= nowMs) state.asking.delete(name);
  }
  if (state[of] >= LOOKUPS_PER_SECOND_MAX) return false;
  state[of] += 1;
  return true;
}

/** Counts its looks, because a clock of an isolate may stand still. */
async function untilAnswered({ asking }: LookupState, name: string): Promise<void> {
  for (let looks = LOOKUP_MS_MAX / LOOK_MS; looks > 0 && asking.has(name); looks -= 1)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
