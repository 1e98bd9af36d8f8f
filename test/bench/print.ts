// The bench's figures as people read them, on standard error; the report itself is JSON.
import { SHAPES } from "./bodies.ts";
import type { Table } from "./compare.ts";
import type { Goal } from "./goals.ts";
import type { Growth } from "./growth.ts";
import type { LedgerCost } from "./ledger.ts";
import type { Spread } from "./load.ts";
import type { Percentiles, PrefixCost } from "./prefix.ts";
import type { StartUp } from "./start-up.ts";

const NAME_COLUMNS = 30;

export function say(line: string): void {
  console.error(line);
}

function write({ median, low, high }: Spread, digits: number): string {
  return `${median.toFixed(digits)} [${low.toFixed(digits)}-${high.toFixed(digits)}]`;
}

export function printCpu(table: Table): void {
  say("\nCPU microseconds a request, median [low-high], and times the first, round by round:");
  for (const [name, row] of Object.entries(table)) {
    const cells = SHAPES.map(
      (shape) => `${shape} ${write(row[shape], 0)} x${write(row[shape].against, 2)}`,
    );
    say(`  ${name.padEnd(NAME_COLUMNS)} ${cells.join("   ")}`);
  }
}

export function printFirstByte(table: Table): void {
  say("\nFirst byte in milliseconds, the rounds' medians [low-high], and over direct:");
  for (const [name, row] of Object.entries(table)) {
    const cells = SHAPES.map(
      (shape) => `${shape} ${write(row[shape], 2)} +${write(row[shape].against, 2)}`,
    );
    say(`  ${name.padEnd(NAME_COLUMNS)} ${cells.join("   ")}`);
  }
}

export function printGrowth(of: string, growth: Growth): void {
  const { count, oneMicros, manyMicros, ratio } = growth;
  say(
    `  ${of}: ${count} cost ${write(manyMicros, 0)} µs, one costs ${write(oneMicros, 0)}: x${write(ratio, 2)}`,
  );
}

export function printStartUp({ emptyMs, sluiceMs, overMs }: StartUp): void {
  say(
    `\nStart to a first answer, ms: empty ${write(emptyMs, 0)}, sluice ${write(sluiceMs, 0)}, over ${write(overMs, 0)}`,
  );
}

export function printSteps(
  steps: Readonly<Record<string, Readonly<Record<string, number>>>>,
): void {
  say("\nThe gateway's pure steps alone, microseconds:");
  for (const [shape, row] of Object.entries(steps)) {
    const cells = Object.entries(row).map(([step, micros]) => `${step} ${micros.toFixed(1)}`);
    say(`  ${shape}: ${cells.join(", ")}`);
  }
}

export function printLedger(cost: LedgerCost): void {
  const { nothingMicros, plainMicros, holdMicros, holdAgainstPlain, latencyMs } = cost;
  const { settled, bytesPerRequest, heapBytes, heapGrowthBytes, residentGrowthBytes } = cost;
  say("\nThe ledger's object, CPU microseconds a request, median [low-high]:");
  say(
    `  nothing ${write(nothingMicros, 0)}, a plain call ${write(plainMicros, 0)}, hold and settle ${write(holdMicros, 0)} x${write(holdAgainstPlain, 2)} of the plain call`,
  );
  for (const [name, { p50, p99 }] of Object.entries(latencyMs))
    say(`  answer at 16 connections, ${name}: p50 ${write(p50, 1)} ms, p99 ${write(p99, 1)} ms`);
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  say(
    `  ${settled} settled: ${bytesPerRequest.toFixed(1)} bytes each, heap ${mb(heapBytes)} (+${mb(heapGrowthBytes)}), process +${mb(residentGrowthBytes)}; anew: first answer after ${cost.wakeMs.toFixed(0)} ms, heap ${mb(cost.wakeHeapBytes)}`,
  );
}

export function printPrefix(cost: PrefixCost): void {
  const both = ({ p50, p99 }: Percentiles): string => `p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)}`;
  say(`\nThe prefix index, a prompt of ${cost.promptTokens} tokens, ${cost.entries} entries, ms:`);
  say(`  keys of a body ${both(cost.keysOfBodyMs)}, of tokens ${both(cost.keysOfTokensMs)}`);
  say(
    `  placing ${both(cost.decisionMs)}; ${cost.bytesPerEntry.toFixed(1)} bytes an entry; ${(cost.reportedPerSecond / 1e6).toFixed(1)} million reported blocks a second`,
  );
}

export function printGoals(goals: readonly Goal[]): void {
  if (goals.length === 0) return;
  say("\nGoals, must (reach):");
  for (const { goal, measured, must, reach, isMet, isReached } of goals) {
    const verdict = isReached ? "reached" : isMet ? "met" : "MISSED";
    say(`  ${goal}: ${measured.toFixed(2)}, ${must} (${reach}): ${verdict}`);
  }
}
