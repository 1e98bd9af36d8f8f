// What the bench is measured against: the bounds that the gateway must keep, and those that it reaches for.
import { SHAPES } from "./bodies.ts";
import type { Table } from "./compare.ts";
import type { LedgerCost } from "./ledger.ts";
import type { PrefixCost } from "./prefix.ts";
import type { StartUp } from "./start-up.ts";

export interface Goal {
  readonly goal: string;
  readonly measured: number;
  readonly must: number;
  readonly reach: number;
  readonly isMet: boolean;
  readonly isReached: boolean;
}

/** Times the bare Worker, times less than Portkey on the same runtime, milliseconds, times a plain call, and bytes. */
const BOUNDS = {
  bare: { must: 2, reach: 1.5 },
  portkey: { must: 3, reach: 5 },
  firstByteMs: { must: 2, reach: 1 },
  startUpMs: { must: 50, reach: 30 },
  hold: { must: 3, reach: 2.5 },
  bytes: { must: 200, reach: 150 },
  /** An answer's first token takes tens of milliseconds at least; an isolate has 128 MB. */
  prefixMs: { must: 2, reach: 1 },
  entryBytes: { must: 64, reach: 32 },
};

export interface Measured {
  readonly cpu?: Table;
  readonly firstByte?: Table;
  readonly startUp?: StartUp;
  readonly ledger?: LedgerCost;
  readonly prefix?: PrefixCost;
}

/** Only those goals of which something was measured. `isolate` names the gateway that the bounds are on. */
export function judge(
  isolate: string,
  { cpu, firstByte, startUp, ledger, prefix }: Measured,
): Goal[] {
  const goals: Goal[] = [];
  const atMost = (
    goal: string,
    measured: number | undefined,
    bounds: { must: number; reach: number },
  ): void => {
    if (measured === undefined) return;
    const { must, reach } = bounds;
    goals.push({
      goal,
      measured,
      must,
      reach,
      isMet: measured <= must,
      isReached: measured <= reach,
    });
  };
  const ours = cpu?.[isolate];
  for (const shape of SHAPES)
    atMost(`${shape}: times bare Hono`, ours?.[shape].against.median, BOUNDS.bare);
  const rival = cpu?.["portkey (workerd)"];
  if (ours !== undefined && rival !== undefined) {
    const measured = rival.stream.median / ours.stream.median;
    const { must, reach } = BOUNDS.portkey;
    goals.push({
      goal: "stream: times less than Portkey on workerd",
      measured,
      must,
      reach,
      isMet: measured >= must,
      isReached: measured >= reach,
    });
  }
  for (const shape of SHAPES) {
    const over = firstByte?.[isolate]?.[shape].against.median;
    atMost(`${shape}: first byte over direct, ms`, over, BOUNDS.firstByteMs);
  }
  atMost("start over an empty Worker, ms", startUp?.overMs.median, BOUNDS.startUpMs);
  atMost("hold and settle: times a plain call", ledger?.holdAgainstPlain.median, BOUNDS.hold);
  atMost("storage of a settled request, bytes", ledger?.bytesPerRequest, BOUNDS.bytes);
  atMost("keys of a long prompt's body, median ms", prefix?.keysOfBodyMs.p50, BOUNDS.prefixMs);
  atMost("keys of as many tokens, median ms", prefix?.keysOfTokensMs.p50, BOUNDS.prefixMs);
  atMost("placing it among a million entries, p99 ms", prefix?.decisionMs.p99, BOUNDS.prefixMs);
  atMost("memory of an entry, bytes", prefix?.bytesPerEntry, BOUNDS.entryBytes);
  return goals;
}
