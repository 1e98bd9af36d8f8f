// `npm run bench`: what the gateway costs, as ratios in one run. CPU microseconds a request and first byte for three
// requests, against a bare Hono Worker and Portkey; start-up over an empty Worker; growth with tenants and keys.
// `--portkey FOLDER` names a folder where npm installed it; `--rounds N` and `--requests N` make it longer.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWorker } from "../../../worker/cli/build.ts";
import { bodyOf, SHAPES, type Shape } from "../bodies.ts";
import { measureCpu, measureFirstByteMs, spreadOf, type Spread, type Target } from "../load.ts";
import {
  benchDocuments,
  buildTarget,
  startPortkey,
  startReal,
  startUpstream,
  startWorker,
  type Started,
} from "../start-targets.ts";
import { timeSteps } from "../steps.ts";

const CONCURRENCY = 8;
const FIRST_BYTE_REQUESTS = 150;
const START_ROUNDS = 5;
const KEYS_MANY = 1_000_000;

const { values } = parseArgs({
  options: {
    portkey: { type: "string" },
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "600" },
  },
});
const rounds = Number(values.rounds);
const requests = Number(values.requests);

const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
const opened: { close(): Promise<void> }[] = [];
try {
  const report = await bench();
  console.log(JSON.stringify(report));
} finally {
  for (const started of opened.toReversed()) await started.close();
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<object> {
  const bundles = {
    hono: await buildTarget("bare-hono", folder),
    empty: await buildTarget("empty", folder),
    isolate: await buildTarget("in-isolate", folder),
    real: join(folder, "real"),
  };
  const built = await buildWorker(bundles.real);
  if (built.kind !== "built") throw new Error("The Worker does not build.");

  const upstream = await startUpstream();
  opened.push(upstream);
  const documents = benchDocuments(upstream.baseUrl);
  const targets = [
    await startWorker("bare Hono", bundles.hono, { UPSTREAM_BASE_URL: upstream.baseUrl }),
    await startWorker("sluice, ledger in the isolate", bundles.isolate, {
      DOCUMENTS: JSON.stringify(documents),
    }),
    await startReal(bundles.real, documents),
  ];
  opened.push(...targets);
  const portkey = await tryPortkey(upstream.baseUrl);
  if (portkey !== null) targets.push(portkey);
  const direct: Target = {
    name: "direct",
    url: `${upstream.baseUrl}/chat/completions`,
    headers: {},
    model: "bench",
    pid: null,
  };

  const cpu = await compareCpu(targets);
  const firstByte = await compareFirstByte([direct, ...targets]);
  const growth = await measureGrowth(targets[1]);
  for (const target of targets) await target.close();
  opened.splice(1);
  const start = await compareStart(bundles, documents);
  const steps = Object.fromEntries(
    SHAPES.map((shape) => [shape, timeSteps(bodyOf(shape, "auto"), sampleEvents(), documents)]),
  );
  print(cpu, firstByte, growth, start, steps);
  return { rounds, requests, cpu, firstByte, growth, start, steps };
}

async function tryPortkey(baseUrl: string): Promise<Started | null> {
  if (values.portkey === undefined) {
    console.error(
      "Portkey is left out: install @portkey-ai/gateway in a folder and name it with --portkey.",
    );
    return null;
  }
  try {
    const started = await startPortkey(values.portkey, baseUrl);
    opened.push(started);
    return started;
  } catch (error) {
    console.error(`Portkey is left out: ${String(error)}`);
    return null;
  }
}

type Table = Readonly<Record<string, Readonly<Record<Shape, Spread>>>>;

/** In turn within each round, so that a machine that slows down slows all of them. */
async function compareCpu(targets: readonly Target[]): Promise<Table> {
  return compare(targets, async (target, body, isWarmUp) => [
    await measureCpu(target, body, isWarmUp ? Math.ceil(requests / 3) : requests, CONCURRENCY),
  ]);
}

async function compareFirstByte(targets: readonly Target[]): Promise<Table> {
  return compare(targets, async (target, body) => [
    spreadOf(await measureFirstByteMs(target, body, FIRST_BYTE_REQUESTS)).median,
  ]);
}

async function compare(
  targets: readonly Target[],
  measure: (target: Target, body: string, isWarmUp: boolean) => Promise<number[]>,
): Promise<Table> {
  const found = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round += 1) {
    for (const shape of SHAPES) {
      for (const target of targets) {
        const measured = await measure(target, bodyOf(shape, target.model), round === 0);
        const key = `${target.name}\n${shape}`;
        if (round > 0) found.set(key, [...(found.get(key) ?? []), ...measured]);
      }
    }
  }
  return Object.fromEntries(
    targets.map(({ name }) => [
      name,
      Object.fromEntries(
        SHAPES.map((shape) => [shape, spreadOf(found.get(`${name}\n${shape}`) ?? [])]),
      ) as Record<Shape, Spread>,
    ]),
  );
}

/** One key again and again, against a new key of one of 10,000 tenants each time. */
async function measureGrowth(
  target: Target | undefined,
): Promise<Readonly<Record<string, number>>> {
  if (target === undefined) return {};
  const body = bodyOf("small", target.model);
  const one: number[] = [];
  const many: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    one.push(await measureCpu(target, body, requests, CONCURRENCY));
    const spread = {
      ...target,
      get headers() {
        return { authorization: `Bearer sk-sluice-${Math.floor(Math.random() * KEYS_MANY)}` };
      },
    };
    many.push(await measureCpu(spread, body, requests, CONCURRENCY));
  }
  return { oneKey: spreadOf(one).median, millionKeys: spreadOf(many).median };
}

async function compareStart(
  bundles: { readonly empty: string; readonly real: string },
  documents: ReturnType<typeof benchDocuments>,
): Promise<Readonly<Record<string, number>>> {
  const times = { empty: [] as number[], bare: [] as number[] };
  for (let round = 0; round < START_ROUNDS; round += 1) {
    times.empty.push(await timeStart(bundles.empty, {}));
    // The same Worker code without its objects' storage, which Miniflare prepares and no edge does.
    times.bare.push(
      await timeStart(join(folder, "in-isolate"), { DOCUMENTS: JSON.stringify(documents) }),
    );
  }
  return { emptyMs: spreadOf(times.empty).median, sluiceMs: spreadOf(times.bare).median };
}

async function timeStart(bundle: string, env: Readonly<Record<string, string>>): Promise<number> {
  const startedAt = process.hrtime.bigint();
  const worker = await startWorker("start", bundle, env);
  await (await fetch(worker.url.replace("/v1/chat/completions", "/healthz"))).text();
  const elapsedMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
  await worker.close();
  return elapsedMs;
}

function sampleEvents(): Uint8Array {
  const delta = (content: string) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
  return new TextEncoder().encode(
    Array.from({ length: 35 }, (_, at) => delta(` word${at}`)).join(""),
  );
}

function print(
  cpu: Table,
  firstByte: Table,
  growth: Readonly<Record<string, number>>,
  start: Readonly<Record<string, number>>,
  steps: Readonly<Record<string, Readonly<Record<string, number>>>>,
): void {
  const floor = cpu["bare Hono"];
  const say = (line: string): void => console.error(line);
  say("\nCPU microseconds a request, median [low-high], and times the bare Hono Worker:");
  for (const [name, row] of Object.entries(cpu)) {
    const cells = SHAPES.map((shape) => {
      const { median, low, high } = row[shape];
      const ratio = floor === undefined ? Number.NaN : median / floor[shape].median;
      return `${shape} ${median.toFixed(0)} [${low.toFixed(0)}-${high.toFixed(0)}] x${ratio.toFixed(2)}`;
    });
    say(`  ${name.padEnd(30)} ${cells.join("   ")}`);
  }
  say("\nFirst byte in milliseconds, median of medians, and over direct:");
  const base = firstByte["direct"];
  for (const [name, row] of Object.entries(firstByte)) {
    const cells = SHAPES.map((shape) => {
      const over = base === undefined ? Number.NaN : row[shape].median - base[shape].median;
      return `${shape} ${row[shape].median.toFixed(2)} (+${over.toFixed(2)})`;
    });
    say(`  ${name.padEnd(30)} ${cells.join("   ")}`);
  }
  say(`\nGrowth, CPU microseconds: ${JSON.stringify(growth)}`);
  say(`Start to first answer, ms: ${JSON.stringify(start)}`);
  say("Own steps, microseconds:");
  for (const [shape, row] of Object.entries(steps)) {
    say(
      `  ${shape}: ${Object.entries(row)
        .map(([step, micros]) => `${step} ${micros.toFixed(1)}`)
        .join(", ")}`,
    );
  }
}
