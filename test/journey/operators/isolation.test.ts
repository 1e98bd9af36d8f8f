// The isolation self-test as an operator runs it: engines that keep salts apart pass, one that does not gets no calls until
// that is mended, and one that proves nothing is told what to switch on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StartFailure } from "../../../worker/cli/failure.ts";
import { readOrder } from "../../../worker/cli/isolation/order.ts";
import { runIsolationTest } from "../../../worker/cli/isolation/run.ts";
import { startReplicas, type Replica } from "../../simulator/replicas.ts";
import { noLatency, type SimulatorSettings } from "../../simulator/settings.ts";
import { admin, type AdminError } from "../admin/admin-client.ts";
import { ask, readError, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const PROGRAM = join(import.meta.dirname, "../../../worker/cli/isolation-test.ts");
const POOL_SECRET = "secret-of-a-pool-in-a-journey-012345";
const ENGINE_KEY = "key-of-an-engine-in-a-journey";

/** Each is a pool with a replica for each of the settings, `r0`, `r1`, ..., and a model of the same name. */
const POOLS = {
  apart: [{}, {}],
  mixed: [{}, { ignoresSalts: true }],
  only: [{ ignoresSalts: true }],
  rehearsed: [{ ignoresSalts: true }],
  tiny: [{ cacheBlocks: 1 }],
  gone: [{}, {}],
  written: [{}],
} as const satisfies Readonly<Record<string, readonly Partial<SimulatorSettings>[]>>;
type PoolName = keyof typeof POOLS;

let gateway: GatewayUnderTest;
const replicas = new Map<string, readonly Replica[]>();

beforeAll(async () => {
  const names = Object.keys(POOLS) as PoolName[];
  for (const name of names)
    replicas.set(
      name,
      await Promise.all(
        POOLS[name].map(async (settings) => {
          const started = await startReplicas(1, { settings: { ...noLatency, ...settings } });
          return started.replicas[0]!;
        }),
      ),
    );
  gateway = await startGatewayUnderTest({
    secrets: { POOL_SECRET, ENGINE_KEY },
    catalog: (seeded) => {
      const [upstream] = seeded.upstreams;
      const [model] = seeded.models;
      return {
        ...seeded,
        upstreams: [
          ...seeded.upstreams,
          // Without a pool.
          { ...upstream!, id: "alone", baseUrl: `${replicaOf("apart", 0).url}/v1` },
          ...names.map((id) => ({
            ...upstream!,
            id,
            secret: "ENGINE_KEY",
            pool: {
              secret: "POOL_SECRET",
              replicas: replicas.get(id)!.map(({ url }, at) => ({
                id: `r${at}`,
                baseUrl: `${url}/v1`,
                capacityTokens: 2_000_000,
                prefillTokensPerSecond: 10_000,
              })),
            } as never,
          })),
        ],
        models: [
          ...seeded.models,
          ...["alone", ...names].map((id) => ({ ...model!, id, upstream: id })),
        ],
      };
    },
  });
});
afterAll(async () => {
  await gateway.dispose();
  await Promise.all([...replicas.values()].flat().map((replica) => replica.kill()));
});

function replicaOf(pool: PoolName, at: number): Replica {
  return replicas.get(pool)![at]!;
}

function requestsOf(pool: PoolName, at: number): number {
  return replicaOf(pool, at).simulator.requests.length;
}

interface Ran {
  readonly isClear: boolean;
  readonly problem: string;
  readonly report: {
    readonly isKept?: boolean;
    readonly warning?: string | null;
    readonly replicas: readonly {
      readonly isolation: string | null;
      readonly reason: string;
      readonly legs: readonly {
        readonly cachedTokens: number;
        readonly inputTokens: number;
      }[];
    }[];
  };
}

/** As the program does it, in this process. */
async function run(...words: string[]): Promise<Ran> {
  return runAs(gateway.adminSecret, ...words);
}

async function runAs(adminSecret: string, ...words: string[]): Promise<Ran> {
  const environment = { ADMIN_SECRET: adminSecret, ENGINE_KEY };
  const chance = crypto.randomUUID();
  const order = readOrder(["--gateway", gateway.url, ...words], environment, chance);
  try {
    const { report, isClear } = await runIsolationTest(order!);
    return { isClear, problem: "", report: report as Ran["report"] };
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    return { isClear: false, problem: error.message, report: { replicas: [] } };
  }
}

interface PoolFields {
  readonly alarms: readonly string[];
  readonly replicas: readonly {
    readonly id: string;
    readonly state: string;
    readonly isolation: { readonly isolation: string; readonly actor: string } | null;
  }[];
}

async function poolOf(name: PoolName): Promise<PoolFields> {
  return (await admin<PoolFields>(gateway, `GET /pools/${name}`)).body;
}

async function askTimes(model: PoolName, times: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const response = await ask(gateway, turn(`Question ${at} of several?`, { model }));
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

describe("engines that keep salts apart", () => {
  test("pass, and the gateway knows it", async () => {
    const { isClear, report } = await run("--upstream", "apart");
    expect(isClear).toBe(true);
    expect(report).toMatchObject({ isKept: true, warning: null });
    for (const { isolation, legs } of report.replicas) {
      expect(isolation).toBe("kept");
      const [first, again, other] = legs;
      expect(first).toMatchObject({ salt: "a", cachedTokens: 0 });
      expect(again!.cachedTokens).toBeGreaterThan(0.9 * again!.inputTokens);
      expect(other).toMatchObject({ salt: "b", cachedTokens: 0 });
    }
    const pool = await poolOf("apart");
    expect(pool.alarms).toEqual([]);
    for (const { state, isolation } of pool.replicas) {
      expect(state).toBe("up");
      expect(isolation).toMatchObject({ isolation: "kept", actor: "isolation-test" });
    }
    // Each was asked for itself, with its API key, and none with another's prompt.
    const asked = replicas.get("apart")!.map(({ simulator }) => simulator.requests);
    for (const requests of asked) {
      expect(requests.length).toBe(4);
      for (const { headers } of requests)
        expect(headers["authorization"]).toBe(`Bearer ${ENGINE_KEY}`);
    }
    expect(new Set(asked.flat().map(({ body }) => body)).size).toBe(6);
  });

  test("of an upstream without a pool are tested all the same, and nothing is kept", async () => {
    const { isClear, report } = await run("--upstream", "alone");
    expect(isClear).toBe(true);
    expect(report).toMatchObject({ isKept: false, replicas: [{ id: "alone", isolation: "kept" }] });
    expect(report.warning).toContain("nothing is enforced");
    expect(report.warning).toContain("pool of one replica");
  });
});

describe("an engine that ignores salts", () => {
  test("gets no call from then on, while the others do; forgetting the finding gives it back", async () => {
    const { isClear, report } = await run("--upstream", "mixed");
    expect(isClear).toBe(false);
    expect(report.replicas.map(({ isolation }) => isolation)).toEqual(["kept", "shared"]);
    expect(report.replicas[1]!.legs[2]!.cachedTokens).toBeGreaterThan(0);
    const shared = await poolOf("mixed");
    expect(shared.replicas.map(({ state }) => state)).toEqual(["up", "shared"]);
    expect(shared.alarms).toEqual(["isolation-broken"]);

    const before = [requestsOf("mixed", 0), requestsOf("mixed", 1)];
    expect(new Set(await askTimes("mixed", 6))).toEqual(new Set([200]));
    expect(requestsOf("mixed", 0)).toBe(before[0]! + 6);
    expect(requestsOf("mixed", 1)).toBe(before[1]!);

    // A Worker that starts anew knows it still.
    await gateway.startAnew();
    expect((await poolOf("mixed")).replicas[1]!.state).toBe("shared");
    await askTimes("mixed", 2);
    expect(requestsOf("mixed", 1)).toBe(before[1]!);

    // What proves nothing does not clear it.
    const order = { replicas: [{ id: "r1", isolation: "unproven" }] };
    expect((await admin(gateway, "PUT /pools/mixed/isolation", order)).status).toBe(200);
    expect((await poolOf("mixed")).replicas[1]!.state).toBe("shared");

    const forgotten = await run("--upstream", "mixed", "--forget", "--replica", "r1");
    expect(forgotten.isClear).toBe(true);
    const after = await poolOf("mixed");
    expect(after.replicas.map(({ state }) => state)).toEqual(["up", "up"]);
    expect(after.replicas.map(({ isolation }) => isolation?.isolation ?? null)).toEqual([
      "kept",
      null,
    ]);
    await askTimes("mixed", 6);
    expect(requestsOf("mixed", 1)).toBeGreaterThan(before[1]!);
  });

  test("as the only one leaves its callers without an answer, not with another's cache", async () => {
    expect((await run("--upstream", "only")).isClear).toBe(false);
    const before = requestsOf("only", 0);
    const refused = await ask(gateway, turn("Is anybody there?", { model: "only" }));
    expect(refused.status).toBe(503);
    expect((await readError(refused)).type).toBe("server_error");
    expect(requestsOf("only", 0)).toBe(before);
  });

  test("is only shown by a dry run", async () => {
    const { isClear, report } = await run("--upstream", "rehearsed", "--dry-run");
    expect(isClear).toBe(false);
    expect(report).toMatchObject({ isKept: false, replicas: [{ isolation: "shared" }] });
    expect(await poolOf("rehearsed")).toMatchObject({
      replicas: [{ state: "up", isolation: null }],
    });
  });
});

describe("an engine that proves nothing", () => {
  test("because it caches next to nothing is told what to mend, and stays in use", async () => {
    const { isClear, report } = await run("--upstream", "tiny");
    expect(isClear).toBe(false);
    expect(report.replicas[0]).toMatchObject({
      isolation: "unproven",
      reason: expect.stringMatching(/^only 16 of \d+ tokens/) as string,
      advice: expect.stringContaining("larger cache") as string,
    });
    expect(await poolOf("tiny")).toMatchObject({
      alarms: [],
      replicas: [{ state: "up", isolation: { isolation: "unproven" } }],
    });
    expect(await askTimes("tiny", 1)).toEqual([200]);
  });

  test("because it is not there is unproven too, and the others are tested", async () => {
    await replicaOf("gone", 0).kill();
    const { isClear, report } = await run("--upstream", "gone");
    expect(isClear).toBe(false);
    expect(report.replicas.map(({ isolation }) => isolation)).toEqual(["unproven", "kept"]);
    expect(report.replicas[0]!.reason).toContain("ECONNREFUSED");
  });
});

test("what cannot be tested is said, and nothing is asked", async () => {
  for (const [words, problem] of [
    [["--upstream", "nobody"], 'no upstream "nobody"'],
    [["--upstream", "written", "--replica", "r9"], 'no replica "r9"'],
    [["--upstream", "written", "--model", "alone"], 'no model "alone"'],
    [["--upstream", "alone", "--forget"], "has no pool"],
  ] as const)
    expect((await run(...words)).problem).toContain(problem);
  const stranger = "sluice-admin-of-somebody-else-0123";
  expect((await runAs(stranger, "--upstream", "written")).problem).toContain("401");
  expect(requestsOf("written", 0)).toBe(0);
});

test.each([
  { words: ["--upstream", "written", "--dry-run"], code: 0, said: '"isolation": "kept"', told: "" },
  { words: ["--upstream", "alone"], code: 0, said: '"warning": ', told: "nothing is enforced" },
  { words: ["--upstream", "nobody"], code: 1, said: "", told: 'no upstream "nobody"' },
])("the program ends with $code for $words, and shows no secret", async ({ words, ...ends }) => {
  const program = spawn(process.execPath, [PROGRAM, "--gateway", gateway.url, ...words], {
    env: { ADMIN_SECRET: gateway.adminSecret, ENGINE_KEY },
  });
  let said = "";
  let told = "";
  program.stdout.on("data", (chunk) => (said += String(chunk)));
  program.stderr.on("data", (chunk) => (told += String(chunk)));
  expect(await once(program, "close")).toEqual([ends.code, null]);
  expect(said).toContain(ends.said);
  expect(told).toContain(ends.told);
  expect(told).not.toContain("    at ");
  for (const secret of [gateway.adminSecret, ENGINE_KEY]) expect(said + told).not.toContain(secret);
});

test("findings are checked before anything is kept: each fault has its path, and a dry run keeps nothing", async () => {
  const put = (body: unknown, query = "", id = "written") =>
    admin<AdminError>(gateway, `PUT /pools/${id}/isolation${query}`, body);
  const shared = { id: "r0", isolation: "shared" };
  for (const [body, path] of [
    [{ replicas: [] }, "replicas"],
    [{ replicas: [{ ...shared, isolation: "perhaps" }] }, "replicas.0.isolation"],
    [{ replicas: [shared, { ...shared, id: "r9" }] }, "replicas.1.id"],
    [{ replicas: [shared, shared] }, "replicas.1.id"],
    [{ replicas: [shared], upstream: "written" }, ""],
  ] as const) {
    const refused = await put(body);
    expect(refused.status).toBe(422);
    expect(refused.body.error.faults).toContainEqual(expect.objectContaining({ path }));
  }
  expect((await put({ replicas: [shared] }, "?dry_run=1")).body).toMatchObject({
    dry_run: true,
    replicas: [{ id: "r0", isolation: "shared", actor: "admin" }],
  });
  expect(await poolOf("written")).toMatchObject({ replicas: [{ state: "up", isolation: null }] });
  for (const id of ["alone", "nobody"]) {
    expect((await put({ replicas: [shared] }, "", id)).status).toBe(404);
    expect((await admin(gateway, `GET /pools/${id}`)).status).toBe(404);
  }
});
