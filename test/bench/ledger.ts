// What the ledger's object costs: CPU of a request with a hold and its settlement against one with a plain call to an object,
// how long admission takes, and what a settled request leaves on the disk and in memory.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { load, measureCpu, spreadOf, type Spread, type Target } from "./load.ts";
import { makeMemoryFolder } from "./memory-folder.ts";
import { attach } from "./profile.ts";
import { startLedger, type LedgerWorker } from "./start-ledger.ts";

/** As the specification of admission has it. */
const ADMISSION_CONNECTIONS = 16;
/** One call of the object fills so many, so that its alarms come in between. */
const FILLED_AT_ONCE = 1000;
/** Storage and heap that a ledger has anyway are there by then. */
const FILLED_BEFORE = 10_000;

const ASKED = ["nothing", "plain", "hold"] as const;
type Asked = (typeof ASKED)[number];

export interface LedgerCost {
  /** CPU microseconds a request. */
  readonly nothingMicros: Spread;
  readonly plainMicros: Spread;
  readonly holdMicros: Spread;
  /** Of each round. */
  readonly holdAgainstPlain: Spread;
  /**
   * Milliseconds to the answer at 16 connections, which for a hold is until it is given; of each round. What the others
   * take at the same time is the machine's own.
   */
  readonly latencyMs: Readonly<Record<Asked, { readonly p50: Spread; readonly p99: Spread }>>;
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
  const folder = await makeMemoryFolder("sluice-ledger-");
  try {
    const filled = join(folder, "filled");
    const costs = await use(await startLedger(bundle, folder), (worker) =>
      measureRequests(worker, asked),
    );
    const left = await use(await startLedger(bundle, filled), (worker) =>
      measureLeft(worker, asked.settled),
    );
    const startedAt = performance.now();
    const woken = await use(await startLedger(bundle, filled), (worker) =>
      measureWake(worker, startedAt),
    );
    return { ...costs, ...left, ...woken };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function use<Found>(
  worker: LedgerWorker,
  measure: (worker: LedgerWorker) => Promise<Found>,
): Promise<Found> {
  try {
    return await measure(worker);
  } finally {
    await worker.close();
  }
}

async function measureRequests(
  worker: LedgerWorker,
  { rounds, requests, concurrency }: LedgerLoad,
) {
  const target = (name: Asked): Target => ({
    name,
    url: `${worker.url}/${name}`,
    headers: {},
    model: "",
    pid: worker.pid,
  });
  const found = {
    nothing: { micros: [] as number[], p50: [] as number[], p99: [] as number[] },
    plain: { micros: [] as number[], p50: [] as number[], p99: [] as number[] },
    hold: { micros: [] as number[], p50: [] as number[], p99: [] as number[] },
  };
  for (const name of ASKED) await load(target(name), "{}", requests, concurrency);
  for (let round = 0; round < rounds; round += 1)
    for (const name of ASKED) {
      found[name].micros.push(await measureCpu(target(name), "{}", requests, concurrency));
      const times = await load(target(name), "{}", requests, ADMISSION_CONNECTIONS);
      found[name].p50.push(quantileOf(times, 0.5));
      found[name].p99.push(quantileOf(times, 0.99));
    }
  const { nothing, plain, hold } = found;
  const latency = ({ p50, p99 }: typeof hold) => ({ p50: spreadOf(p50), p99: spreadOf(p99) });
  return {
    nothingMicros: spreadOf(nothing.micros),
    plainMicros: spreadOf(plain.micros),
    holdMicros: spreadOf(hold.micros),
    holdAgainstPlain: spreadOf(
      hold.micros.map((figure, at) => figure / (plain.micros[at] ?? Number.NaN)),
    ),
    latencyMs: { nothing: latency(nothing), plain: latency(plain), hold: latency(hold) },
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
  // Twice, as what is only weakly held goes with the second.
  for (let times = 0; times < 2; times += 1)
    if ((await ask(worker, "/collect")) !== "collected") throw new Error("Garbage stays.");
  const session = await attach(worker.inspectorUrl);
  try {
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
