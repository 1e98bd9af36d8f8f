// `npm run -s bench`: what the gateway costs, as ratios in one run; README.md says what is compared and how. Standard
// output is one JSON object. `--rounds N`, `--requests N`, `--portkey FOLDER` where npm installed it, `--part NAME` (again
// for each) of cpu, first-byte, growth, start-up, steps, ledger, prefix; `--tenants N` and `--keys N` for the growth of the one that
// ships; `--settled N` requests for what a ledger keeps.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildWorker } from "../../../worker/cli/build.ts";
import { bodyOf, sampleEvents, SHAPES } from "../bodies.ts";
import { compare, difference, ratio } from "../compare.ts";
import { benchDocuments, type BenchDocuments } from "../documents.ts";
import { judge } from "../goals.ts";
import { growKeys, growTenants, type Growth, type GrowthLoad } from "../growth.ts";
import { measureLedger } from "../ledger.ts";
import { measureCpu, measureFirstByteMs, spreadOf, type Target } from "../load.ts";
import { chosen, wholeNumber } from "../options.ts";
import { measurePrefix } from "../prefix.ts";
import {
  printCpu,
  printFirstByte,
  printGoals,
  printGrowth,
  printLedger,
  printPrefix,
  printStartUp,
  printSteps,
  say,
} from "../print.ts";
import { seedKeys, seedTenants } from "../seed-many.ts";
import { startPortkeyOnNode, startPortkeyOnWorkerd } from "../start-portkey.ts";
import {
  buildTarget,
  startReal,
  startUpstream,
  startWorker,
  type Started,
} from "../start-targets.ts";
import { compareStartUp } from "../start-up.ts";
import { timeSteps } from "../steps.ts";

const CONCURRENCY = 8;
const FIRST_BYTE_REQUESTS = 150;
const START_ROUNDS = 5;
const TENANTS_MANY = 10_000;
const KEYS_MANY = 1_000_000;
const SETTLED_MANY = 1_000_000;
/** The ledger's requests are so short that a stop of the machine would weigh too much in fewer. */
const LEDGER_REQUESTS_PER_REQUEST = 5;
/** Few enough that each is asked again before its object is put to sleep, after ten seconds without a request. */
const TENANTS_AWAKE = 300;
const PARTS = ["cpu", "first-byte", "growth", "start-up", "steps", "ledger", "prefix"] as const;
const ISOLATE = "sluice, ledger in the isolate";

const { values } = parseArgs({
  options: {
    portkey: { type: "string" },
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "600" },
    tenants: { type: "string", default: String(TENANTS_MANY) },
    keys: { type: "string", default: String(KEYS_MANY) },
    settled: { type: "string", default: String(SETTLED_MANY) },
    part: { type: "string", multiple: true, default: [...PARTS] },
  },
});
const rounds = wholeNumber("rounds", values.rounds, 1);
const requests = wholeNumber("requests", values.requests, 1);
const tenantsMany = wholeNumber("tenants", values.tenants, 1);
const keysMany = wholeNumber("keys", values.keys, 1);
const settled = wholeNumber("settled", values.settled, 20_000);
const parts = new Set(chosen("part", values.part, PARTS));

const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
const opened: { close(): Promise<void> }[] = [];
try {
  console.log(JSON.stringify(await bench()));
} finally {
  await closeAll();
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<object> {
  say("Building.");
  const bundles = {
    hono: await buildTarget("bare-hono", folder),
    reading: await buildTarget("reading-hono", folder),
    empty: await buildTarget("empty", folder),
    isolate: await buildTarget("in-isolate", folder),
    real: join(folder, "real"),
  };
  const built = await buildWorker(bundles.real);
  if (built.kind !== "built") throw new Error("The Worker does not build.");
  const { baseUrl } = await open(startUpstream());
  const documents = benchDocuments(baseUrl);
  const text = JSON.stringify(documents);

  const report: Record<string, unknown> = { rounds, requests };
  const measured: Parameters<typeof judge>[1] = {
    ...(await compareTargets(bundles, baseUrl, documents)),
    ...(parts.has("start-up")
      ? { startUp: await compareStartUp(bundles.empty, bundles.isolate, text, START_ROUNDS) }
      : {}),
    ...(parts.has("ledger") ? { ledger: await costOfLedger() } : {}),
    ...(parts.has("prefix") ? { prefix: measurePrefix() } : {}),
  };
  if (measured.ledger !== undefined) printLedger(measured.ledger);
  if (measured.prefix !== undefined) printPrefix(measured.prefix);
  if (measured.startUp !== undefined) printStartUp(measured.startUp);
  if (parts.has("growth")) report["growth"] = await measureGrowth(bundles, documents);
  if (parts.has("steps")) {
    const steps = Object.fromEntries(
      SHAPES.map((shape) => [shape, timeSteps(bodyOf(shape, "auto"), sampleEvents(), documents)]),
    );
    printSteps(steps);
    report["steps"] = steps;
  }
  const goals = judge(ISOLATE, measured);
  printGoals(goals);
  return { ...report, ...measured, goals };
}

async function costOfLedger() {
  say("Measuring the ledger.");
  return measureLedger(await buildTarget("ledger", folder), {
    rounds,
    requests: requests * LEDGER_REQUESTS_PER_REQUEST,
    concurrency: CONCURRENCY,
    settled,
  });
}

interface Bundles {
  readonly hono: string;
  readonly reading: string;
  readonly isolate: string;
  readonly real: string;
}

async function compareTargets(bundles: Bundles, baseUrl: string, documents: BenchDocuments) {
  if (!parts.has("cpu") && !parts.has("first-byte")) return {};
  const targets: Started[] = [
    await open(startWorker("bare Hono", bundles.hono, { UPSTREAM_BASE_URL: baseUrl })),
    await open(startWorker("Hono that reads", bundles.reading, { UPSTREAM_BASE_URL: baseUrl })),
    await open(startWorker(ISOLATE, bundles.isolate, { DOCUMENTS: JSON.stringify(documents) })),
    await open(startReal(bundles.real, documents)),
    ...(await startPortkey(baseUrl)),
  ];
  const found: Parameters<typeof judge>[1] = {
    ...(parts.has("cpu") ? { cpu: await compareCpu(targets) } : {}),
    ...(parts.has("first-byte") ? { firstByte: await compareFirstByte(baseUrl, targets) } : {}),
  };
  if (found.cpu !== undefined) printCpu(found.cpu);
  if (found.firstByte !== undefined) printFirstByte(found.firstByte);
  for (const target of targets) await close(target);
  return found;
}

function compareCpu(targets: readonly Target[]) {
  say("Measuring CPU.");
  return compare(
    targets,
    rounds,
    (target, body, isWarmUp) =>
      measureCpu(target, body, isWarmUp ? Math.ceil(requests / 3) : requests, CONCURRENCY),
    ratio,
  );
}

function compareFirstByte(baseUrl: string, targets: readonly Target[]) {
  say("Measuring first bytes.");
  const direct: Target = {
    name: "direct",
    url: `${baseUrl}/chat/completions`,
    headers: {},
    model: "bench",
    pid: null,
  };
  return compare(
    [direct, ...targets],
    rounds,
    async (target, body) =>
      spreadOf(await measureFirstByteMs(target, body, FIRST_BYTE_REQUESTS)).median,
    difference,
  );
}

async function startPortkey(baseUrl: string): Promise<Started[]> {
  const from = values.portkey;
  if (from === undefined) {
    say("Portkey is left out: install @portkey-ai/gateway in a folder and name it with --portkey.");
    return [];
  }
  const started: Started[] = [];
  for (const [runtime, start] of [
    ["workerd", startPortkeyOnWorkerd],
    ["Node", startPortkeyOnNode],
  ] as const) {
    try {
      started.push(await open(start(from, baseUrl, folder)));
    } catch (error) {
      say(`Portkey on ${runtime} is left out: ${String(error)}`);
    }
  }
  return started;
}

/** With the ledger in the isolate up to the full numbers; as it ships, as far as `--tenants` and `--keys` say. */
async function measureGrowth(
  bundles: Bundles,
  documents: BenchDocuments,
): Promise<Readonly<Record<string, Growth>>> {
  const found: Record<string, Growth> = {};
  const asked = (count: number): GrowthLoad => ({
    count,
    rounds,
    requests,
    concurrency: CONCURRENCY,
  });
  const keep = (name: string, growth: Growth): void => {
    found[name] = growth;
    printGrowth(name, growth);
  };
  say("\nGrowth, CPU microseconds a request:");
  const env = { DOCUMENTS: JSON.stringify(documents) };
  const tenants = await open(
    startWorker(ISOLATE, bundles.isolate, { ...env, HAS_TENANT_PER_KEY: "yes" }),
  );
  keep("tenants, in the isolate", await growTenants(tenants, asked(TENANTS_MANY)));
  await close(tenants);
  const keys = await open(startWorker(ISOLATE, bundles.isolate, env));
  keep("keys, in the isolate", await growKeys(keys, asked(KEYS_MANY)));
  await close(keys);

  const realTenants = await open(startReal(bundles.real, documents));
  await seedTenants(realTenants, tenantsMany);
  // As many as stay in memory, and then so many that most have gone to sleep before they are asked again.
  const awake = Math.min(tenantsMany, TENANTS_AWAKE);
  keep("tenants awake, as it ships", await growTenants(realTenants, asked(awake)));
  keep("tenants, as it ships", await growTenants(realTenants, asked(tenantsMany)));
  await close(realTenants);
  const state = join(folder, "state");
  const toSeed = await open(startReal(bundles.real, documents, state));
  await close(toSeed);
  await seedKeys(state, keysMany);
  const realKeys = await open(startReal(bundles.real, documents, state));
  keep("keys, as it ships", await growKeys(realKeys, asked(keysMany)));
  await close(realKeys);
  return found;
}

/** What is open is closed at the end, however the bench ends. */
async function open<Opened extends { close(): Promise<void> }>(
  opening: Promise<Opened>,
): Promise<Opened> {
  const one = await opening;
  opened.push(one);
  return one;
}

async function close(one: { close(): Promise<void> }): Promise<void> {
  const at = opened.indexOf(one);
  if (at >= 0) opened.splice(at, 1);
  await one.close();
}

async function closeAll(): Promise<void> {
  for (const one of opened.toReversed()) await one.close();
}
