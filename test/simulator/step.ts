// What is done to a connection, in order. A script of steps is made before anything is sent, so
// that a misbehaviour is data that a test can read; `perform` plays it.
import { setImmediate as yieldTurn, setTimeout as sleep } from "node:timers/promises";
import type { ServerResponse } from "node:http";
import { once } from "node:events";

export type Step =
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "wait"; readonly waitMs: number }
  /** Silence until the client gives up. */
  | { readonly kind: "stall" }
  /** The socket is destroyed, with no end to the answer. */
  | { readonly kind: "cut" };

export type Ending = "complete" | "client-left" | "cut";

/** Timers are not finer than this, so shorter waits add up until they are worth one. */
const waitMsMin = 1;

/** After so many writes in one turn others get theirs, and a client that left is noticed. */
const writesPerTurn = 64;

/** Plays the script to its end or to the client's; `gone` aborts when the client leaves. */
export async function perform(
  steps: readonly Step[],
  response: ServerResponse,
  gone: AbortSignal,
): Promise<Ending> {
  let dueAt = performance.now();
  let writes = 0;
  try {
    for (const step of steps) {
      if (gone.aborted) return "client-left";
      switch (step.kind) {
        case "write":
          writes += 1;
          if (!response.write(step.bytes)) await once(response, "drain", { signal: gone });
          else if (writes % writesPerTurn === 0) await yieldTurn(undefined, { signal: gone });
          break;
        case "wait": {
          // Against a schedule, not after one another: late timers do not slow the whole answer.
          dueAt += step.waitMs;
          const leftMs = dueAt - performance.now();
          if (leftMs >= waitMsMin) await sleep(leftMs, undefined, { signal: gone });
          break;
        }
        case "stall":
          await untilAborted(gone);
          return "client-left";
        case "cut":
          response.destroy();
          return "cut";
      }
    }
    response.end();
    await once(response, "finish", { signal: gone });
    return "complete";
  } catch (failure) {
    // Every wait above is given up by the same signal; nothing else is expected to fail.
    if (gone.aborted) return "client-left";
    throw failure;
  }
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, "abort");
}
