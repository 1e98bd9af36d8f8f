// What the ledger's object costs: CPU of a request with a hold and its settlement against one with a plain call to an object,
// how long admission takes, and what a settled request leaves on the disk and in memory.
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, measureCpu, spreadOf, type Spread, type Target } from "./load.ts";
import { attach } from "./profile.ts";
import { say } from "./print.ts";
import { startLedger, type LedgerWorker } from "./start-ledger.ts";

/** Memory that is a folder, so that no disk is measured. */
const MEMORY_FOLDER = "/dev/shm";
/** As the specification of admission has it. */
const ADMISSION_CONNECTIONS = 16;
/** One call of the object fills so many, so that its alarms come in between. */
const FILLED_AT_ONCE = 1000;
/** Storage and heap that a ledger has anyway are there by then. */
const FILLED_BEFORE = 10_000;

export interface LedgerCost {
  /** CPU microseconds a request. */
  readonly nothingMicros: Spread;
  readonly plainMicros: Spread;
  readonly holdMicros: Spread;
  /** Of each round. */
  readonly holdAgainstPlain: Spread;
  /** Milliseconds to the answer at 16 connections; p99 of each round. */
  readonly plainP99Ms: Spread;
  readonly admissionP50Ms: Spread;
  readonly admissionP99Ms: Spread;
  readonly settled: number;
  readonly bytesPerRequest: number;
  /** Of the isolate, after a collection, beyond what it was with `FILLED_BEFORE` settled requests. */
  readonly heapGrowthBytes: number;
  readonly heapBytes: number;
  readonly residentGrowthBytes: number;
  /** A new process on the same storage: until its first answer, and its heap then. */
  readonly wakeMs: number;
  readonly wakeHeapBytes: number;
}

export interface LedgerLoad {
  readonly rounds: number;
  readonly requests: number;
  readonly concurrency: number;
  readonly settled: number;
}

export async function measureLedger(bundle: string, asked: LedgerLoad): Promise<LedgerCost> {
  const inMemory = await stat(MEMORY_FOLDER).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!inMemory) say("There is no folder in memory here; the disk is measured too.");
  const folder = await mkdtemp(join(inMemory ? MEMORY_FOLDER : tmpdir(), "sluice-ledger-"));
  try {
    const first = await startLedger(bundle, folder);
    const costs = await measureRequests(first, asked).finally(first.close);
    const filled = await startLedger(bundle, join(folder, "filled"));
    const left = await measureLeft(filled, asked.settled).finally(filled.close);
    const startedAt = performance.now();
    const again = await startLedger(bundle, join(folder, "filled"));
    const woken = await measureWake(again, startedAt).finally(again.close);
    return { ...costs, ...left, ...woken };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureRequests(
  worker: LedgerWorker,
  { rounds, requests, concurrency }: LedgerLoad,
) {
  const target = (name: string): Target => ({
    name,
    url: `${worker.url}/${name}`,
    headers: {},
    model: "",
    pid: worker.pid,
  });
  const targets = [target("nothing"), target("plain"), target("hold")] as const;
  const micros = targets.map((): number[] => []);
  const p99 = targets.map((): number[] => []);
  const p50: number[] = [];
  for (const one of targets) await load(one, "{}", requests, concurrency);
  for (let round = 0; round < rounds; round += 1)
    for (const [at, one] of targets.entries()) {
      micros[at]?.push(await measureCpu(one, "{}", requests, concurrency));
      const times = await load(one, "{}", requests, ADMISSION_CONNECTIONS);
      p99[at]?.push(quantileOf(times, 0.99));
      if (one.name === "hold") p50.push(quantileOf(times, 0.5));
    }
  const [nothing = [], plain = [], hold = []] = micros;
  return {
    nothingMicros: spreadOf(nothing),
    plainMicros: spreadOf(plain),
    holdMicros: spreadOf(hold),
    holdAgainstPlain: spreadOf(hold.map((figure, at) => figure / (plain[at] ?? Number.NaN))),
    plainP99Ms: spreadOf(p99[1] ?? []),
    admissionP50Ms: spreadOf(p50),
    admissionP99Ms: spreadOf(p99[2] ?? []),
  };
}

async function measureLeft(worker: LedgerWorker, settled: number) {
  await fill(worker, FILLED_BEFORE);
  const before = await weigh(worker);
  await fill(worker, settled - FILLED_BEFORE);
  const after = await weigh(worker);
  return {
    settled,
    bytesPerRequest: (after.stored - before.stored) / (settled - FILLED_BEFORE),
    heapGrowthBytes: after.heap - before.heap,
    heapBytes: after.heap,
    residentGrowthBytes: after.resident - before.resident,
  };
}

async function measureWake(worker: LedgerWorker, startedAt: number) {
  await ask(worker, "/bytes");
  const wakeMs = performance.now() - startedAt;
  return { wakeMs, wakeHeapBytes: (await weigh(worker)).heap };
}

async function fill(worker: LedgerWorker, count: number): Promise<void> {
  for (let left = count; left > 0; left -= FILLED_AT_ONCE)
    await ask(worker, `/fill?count=${Math.min(left, FILLED_AT_ONCE)}`);
}

async function weigh(worker: LedgerWorker) {
  const stored = Number(await ask(worker, "/bytes"));
  const session = await attach(worker.inspectorUrl);
  try {
    // Twice, as what is only weakly held goes with the second.
    await session.send("HeapProfiler.enable");
    await session.send("HeapProfiler.collectGarbage");
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = (await session.send("Runtime.getHeapUsage")) as {
      readonly usedSize: number;
    };
    return { stored, heap: usedSize, resident: await residentBytes(worker.pid) };
  } finally {
    session.close();
  }
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

async function ask({ url }: LedgerWorker, path: string): Promise<string> {
  const response = await fetch(`${url}${path}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
  return text;
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
