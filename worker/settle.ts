// Posts what a call cost, after it ended. The ledger makes it once however often it is told; what never arrives
// there is settled by the hold's own expiry.
import type { Settlement } from "../policies/account.ts";
import type { Dependencies } from "./dependencies.ts";
import { logError } from "./log.ts";
import { pause } from "./stream/wait.ts";

/** Three tries in about a second: the work may go on for 30 s after a client left, and expiry stands behind it. */
const TRIES_MAX = 3;
const PAUSE_MS = 250;

export async function settle(
  ledger: string,
  settlement: Settlement,
  deps: Dependencies,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await deps.ledgerOf(ledger).settle(settlement);
      if (answer.kind === "missing") report(settlement, "the ledger knows no such hold");
      return;
    } catch (error) {
      if (tries >= TRIES_MAX) {
        report(settlement, String(error));
        return;
      }
      await pause(PAUSE_MS * tries * (0.5 + deps.chance()), new AbortController().signal);
    }
  }
}

function report(settlement: Settlement, problem: string): void {
  logError("settle-failed", {
    callId: settlement.callId,
    ending: settlement.ending,
    problem,
  });
}
