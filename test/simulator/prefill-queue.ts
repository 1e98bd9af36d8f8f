// How long a replica takes before it can say a word: the prompt's uncached tokens, slower when it was told to be slow,
// and behind the prompts before it where prompts queue.

export type PrefillQueue = {
  /** Times the pace of the settings; 1 is that pace. */
  slowness: number;
  /** Milliseconds until the prompt's turn comes, and what it then takes. */
  enter(nowMs: number, prefillMs: number): { readonly waitMs: number; readonly prefillMs: number };
};

/** Without `queued` any number of prompts are computed at once. A client that leaves does not shorten the queue. */
export function createPrefillQueue(queued: boolean): PrefillQueue {
  let freeAtMs = 0;
  const queue: PrefillQueue = {
    slowness: 1,
    enter(nowMs, wishedMs) {
      const prefillMs = wishedMs * queue.slowness;
      const startMs = queued ? Math.max(nowMs, freeAtMs) : nowMs;
      freeAtMs = startMs + prefillMs;
      return { waitMs: startMs - nowMs, prefillMs };
    },
  };
  return queue;
}
