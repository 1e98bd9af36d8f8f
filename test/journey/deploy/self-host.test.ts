// The gateway as a server of one's own: it starts from an environment, drains at a signal, keeps what was spent across a
// restart, and comes back from a backup as it was.
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { readEvents, turn } from "../support/chat.ts";
import {
  ADMIN_SECRET,
  run,
  runtimeOf,
  startProcess,
  untilExit,
  untilSaid,
  type ServerProcess,
} from "./server-process.ts";

/** Some 3 s of answer: enough to be still running when the signal comes. */
const DECODE_MS_PER_TOKEN = 15;
const QUESTION = "Prove that the square root of two is irrational, in detail.";

let scratch: string;
let state: string;
let url: string;
let simulator: Simulator;
let environment: NodeJS.ProcessEnv;
let servers: ServerProcess[];

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "sluice-self-host-"));
  state = join(scratch, "state");
  simulator = await startSimulator({ decodeMsPerToken: DECODE_MS_PER_TOKEN });
  const port = await findFreePort();
  url = `http://127.0.0.1:${port}`;
  servers = [];
  environment = {
    PORT: String(port),
    SLUICE_STATE: state,
    SLUICE_BUNDLE: inject("bundleFolder"),
    ADMIN_SECRET,
    UPSTREAM_BASE_URL: `${simulator.url}/v1`,
    UPSTREAM_MODEL: "sim-mid",
    UPSTREAM_API_KEY: "sk-upstream",
  };
});

afterEach(async () => {
  for (const server of servers) {
    if (server.child.exitCode === null && server.child.signalCode === null)
      await server.end("SIGKILL");
  }
  await simulator.close();
  await rm(scratch, { recursive: true, force: true });
});

it("seeds once, keeps the first key out of the log, and opens no door but the Worker's", async () => {
  const server = await start();
  const key = await readKey();
  expect((await stat(join(state, "first-key"))).mode & 0o777).toBe(0o600);
  expect(server.output()).not.toContain(key);
  expect((await chat(key, "What is 2 + 2?")).status).toBe(200);
  expect(simulator.requests.at(-1)?.headers["authorization"]).toBe("Bearer sk-upstream");
  // What Miniflare offers a developer, which would open every binding.
  for (const headers of [{ "mf-op": "GET" }, { "mf-original-url": `${url}/healthz` }]) {
    const response = await fetch(`${url}/cdn-cgi/local/platform-proxy`, { headers });
    expect(response.status).toBe(404);
  }
  expect(await server.end("SIGTERM")).toBe(0);

  const again = await start();
  expect(again.output()).not.toContain('"seeded"');
  expect((await chat(key, "What is 2 + 2?")).status).toBe(200);
});

it("lets a stream end after SIGTERM, takes nothing new, and keeps the balance", async () => {
  const server = await start();
  const key = await readKey();
  const response = await chat(key, QUESTION, { stream: true });
  let isReading = true;
  const reading = readEvents(response).finally(() => (isReading = false));
  const ending = server.end("SIGTERM");
  await expect.poll(() => knock(), { interval: 20 }).toBe("refused");
  expect(isReading).toBe(true);
  expect((await reading).at(-1)).toBe("[DONE]");
  expect(await ending).toBe(0);
  expect(server.output()).toContain('"isDrained":true');

  await start();
  const usage = await readUsage();
  expect(usage.open_holds).toBe(0);
  expect(spentOf(usage, "requests")).toBe(1);
  // What the client was sent was settled: as many tokens as it heard, and those that it sent.
  expect(spentOf(usage, "tokens")).toBeGreaterThan(100);
});

it("cuts what has not ended by its bound, and still ends well", async () => {
  environment["SLUICE_DRAIN_SECONDS"] = "1";
  const server = await start();
  const response = await chat(await readKey(), `${QUESTION} [[sim:stall]]`, { stream: true });
  const reading = readEvents(response).then(
    () => "ended",
    () => "cut",
  );
  const startedAtMs = Date.now();
  expect(await server.end("SIGTERM")).toBe(0);
  expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(1_000);
  expect(await reading).toBe("cut");
  expect(server.output()).toContain('"isDrained":false');
});

it("cuts at a second signal, long before the bound", async () => {
  const server = await start();
  const response = await chat(await readKey(), `${QUESTION} [[sim:stall]]`, { stream: true });
  const reading = response.text().then(
    () => "ended",
    () => "cut",
  );
  void server.end("SIGTERM");
  await untilSaid(server, "draining");
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await reading).toBe("cut");
});

it("ends with a failure when its runtime dies, so that whoever watches starts it again", async () => {
  const server = await start();
  process.kill(await runtimeOf(server), "SIGKILL");
  expect(await untilExit(server.child)).toBe(1);
  await start();
});

it("comes back from a backup as it was, made while it served", async () => {
  const server = await start();
  const key = await readKey();
  await (await chat(key, "What is 2 + 2?")).text();
  await admin("PUT", "/tenants/second", {
    id: "second",
    name: "Second",
    policy: "economy",
    limits: [],
  });
  await untilNoHolds();
  const usage = await readUsage();
  const configuration = await readExport();
  const file = join(scratch, "sluice.backup");
  const backup = run("backup.ts", [file], environment);
  expect(await untilExit(backup.child)).toBe(0);
  expect(backup.output()).toMatch(/holds \d+ files/);
  expect((await stat(file)).mode & 0o777).toBe(0o600);

  // Spent and written since: lost with the state, and not in the backup.
  await (await chat(key, "What is 3 + 3?")).text();
  await admin("DELETE", "/tenants/second", undefined, '"1"');
  await untilNoHolds();
  expect(spentOf(await readUsage(), "requests")).toBe(2);

  const early = run("restore.ts", [file], environment);
  expect(await untilExit(early.child)).toBe(1);
  expect(early.output()).toBe(`Another process uses ${state}; stop it first.\n`);
  expect(await server.end("SIGTERM")).toBe(0);
  await rm(join(state, "storage"), { recursive: true });

  const restore = run("restore.ts", [file], environment);
  expect(await untilExit(restore.child)).toBe(0);
  await start();
  expect(await readExport()).toEqual(configuration);
  expect(balances(await readUsage())).toEqual(balances(usage));
  expect((await chat(key, "What is 4 + 4?")).status).toBe(200);
});

it("keeps a backup that is there already", async () => {
  await start();
  const file = join(scratch, "sluice.backup");
  expect(await untilExit(run("backup.ts", [file], environment).child)).toBe(0);
  const twice = run("backup.ts", [file], environment);
  expect(await untilExit(twice.child)).toBe(1);
  expect(twice.output()).toBe(`${file} is there already.\n`);
});

it.each([
  [
    { ADMIN_SECRET: "" },
    "ADMIN_SECRET must have at least 32 characters, as of `openssl rand -hex 32`.",
  ],
  [
    { SLUICE_SECRETS: "UPSTREAM_API_KEY, OTHER_KEY" },
    "These secrets are named and not set: OTHER_KEY.",
  ],
  [{ SLUICE_HOST: "gateway" }, 'SLUICE_HOST must be an IP address, not "gateway".'],
  [
    { SLUICE_DRAIN_SECONDS: "-1" },
    'SLUICE_DRAIN_SECONDS must be a whole number from 0 to 3600, not "-1".',
  ],
  [{ SLUICE_DOCUMENTS: "kv-seeds" }, "SLUICE_DOCUMENTS and UPSTREAM_BASE_URL exclude each other."],
  [{ SLUICE_BUNDLE: "nowhere" }, "nowhere holds no Worker; run `npm run build` first."],
])("says in one line what is wrong with %j", async (variables, line) => {
  const server = startProcess({ ...environment, ...variables });
  servers.push(server);
  expect(await untilExit(server.child)).toBe(1);
  expect(server.output()).toBe(`${line}\n`);
});

it("leaves a state folder alone that another server uses", async () => {
  await start();
  const second = startProcess({ ...environment, PORT: String(await findFreePort()) });
  servers.push(second);
  expect(await untilExit(second.child)).toBe(1);
  expect(second.output()).toBe(`Another process uses ${state}; stop it first.\n`);
});

async function start(): Promise<ServerProcess> {
  const server = startProcess(environment);
  servers.push(server);
  await untilSaid(server, "listening");
  return server;
}

/** Over a connection of its own. */
async function knock(): Promise<string> {
  return fetch(`${url}/healthz`, { headers: { connection: "close" } }).then(
    () => "answered",
    () => "refused",
  );
}

async function readKey(): Promise<string> {
  return (await readFile(join(state, "first-key"), "utf8")).trim();
}

function chat(key: string, text: string, fields = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(turn(text, fields)),
  });
}

interface Usage {
  readonly open_holds: number;
  readonly windows: readonly {
    readonly dimension: string;
    readonly window: string;
    readonly spent: number;
  }[];
}

async function readUsage(): Promise<Usage> {
  return (await (await admin("GET", "/tenants/demo/usage")).json()) as Usage;
}

function spentOf({ windows }: Usage, dimension: string): number {
  return windows.find((entry) => entry.dimension === dimension)?.spent ?? NaN;
}

function balances({ windows }: Usage) {
  return windows.map(({ dimension, window, spent }) => ({ dimension, window, spent }));
}

async function untilNoHolds(): Promise<void> {
  await expect.poll(async () => (await readUsage()).open_holds, { timeout: 10_000 }).toBe(0);
}

async function readExport(): Promise<unknown> {
  return (await admin("GET", "/export")).json();
}

async function admin(
  method: string,
  path: string,
  body?: unknown,
  version?: string,
): Promise<Response> {
  const response = await fetch(`${url}/admin/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_SECRET}`,
      "content-type": "application/json",
      ...(method === "PUT" ? { "if-none-match": "*" } : {}),
      ...(version === undefined ? {} : { "if-match": version }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect([path, response.status < 300 ? 200 : await response.text()]).toEqual([path, 200]);
  return response;
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
