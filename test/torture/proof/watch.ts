// Looks at what stands in a ledger again and again while others use it, and holds it against the limits.
import type { Findings } from "./findings.ts";
import type { ProofGateway } from "./gateway.ts";

const POLL_MS = 10;

export interface Watched {
  readonly samples: number;
  /** The most that spent and held were of any limit, without what went over, as a share of it. */
  readonly highestShare: number;
  readonly openHoldsMost: number;
}

/** Ends the watch, and says what was seen. */
export function watch(
  gateway: ProofGateway,
  tenantId: string,
  findings: Findings,
): () => Promise<Watched> {
  let isOver = false;
  let [samples, highestShare, openHoldsMost] = [0, 0, 0];
  const watching = (async () => {
    while (!isOver) {
      const { rows, openHolds } = await gateway.usage(tenantId);
      samples += 1;
      openHoldsMost = Math.max(openHoldsMost, openHolds);
      for (const { scope, window, dimension, spent, held, over, limit } of rows) {
        if (limit === null) continue;
        const taken = spent + held - over;
        highestShare = Math.max(highestShare, taken / limit);
        findings.demand(
          taken <= limit,
          () => `${taken} of ${limit} ${dimension} of ${scope} per ${window} were taken`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return { samples, highestShare, openHoldsMost };
  };
}
