// `npm start` as a person meets it: one command that answers, remembers, and leaves nothing behind.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { noLatency } from "../simulator/settings.ts";
import { startSimulator } from "../simulator/simulator.ts";

const repository = join(import.meta.dirname, "..", "..");
/** A build, a simulator and workerd, beside other tests on two cores. */
const START_DEADLINE_MS = 20_000;
const POLL_MS = 50;
const REMAINING = "x-ratelimit-remaining-requests";

interface Run {
  readonly process: ChildProcess;
  readonly output: () => string;
}

let stateFolder: string;
let port: number;
let runs: Run[] = [];

beforeEach(async () => {
  stateFolder = await mkdtemp(join(tmpdir(), "sluice-start-"));
  port = await findFreePort();
});

afterEach(async () => {
  for (const { process: child } of runs) {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
  runs = [];
  await rm(stateFolder, { recursive: true, force: true });
});

it("answers the command that it prints, from an engine of its own", async () => {
  const run = start();
  await untilGreeted(run);
  expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toEqual({ ok: true });

  const command = /curl [^]*?\}'/.exec(run.output())?.[0] ?? "";
  const shell = spawn("sh", ["-c", `${command} -s`], { stdio: ["ignore", "pipe", "inherit"] });
  const answer = JSON.parse(await readAll(shell)) as {
    choices: { message: { content: string } }[];
  };
  expect(answer.choices[0]?.message.content).toEqual(expect.any(String));
  await end(run, "SIGTERM");
});

it("keeps its key and what was spent across a restart", async () => {
  const first = start();
  await untilGreeted(first);
  const key = readKey(first);
  const before = await ask(key);
  await end(first, "SIGTERM");

  const second = start();
  await untilGreeted(second);
  expect(readKey(second)).toBe(key);
  const after = await ask(key);
  await end(second, "SIGINT");

  expect(Number(before.headers.get(REMAINING))).toBeGreaterThan(0);
  expect(Number(after.headers.get(REMAINING))).toBeLessThan(Number(before.headers.get(REMAINING)));
  const file = join(stateFolder, "demo-key");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, "utf8")).toBe(`${key}\n`);
});

it("keeps an admin secret where it says, shows it nowhere, and lets it in", async () => {
  const run = start();
  await untilGreeted(run);
  const file = join(stateFolder, "admin-secret");
  const secret = (await readFile(file, "utf8")).trim();
  const answer = await fetch(`http://127.0.0.1:${port}/admin/v1/tenants`, {
    headers: { authorization: `Bearer ${secret}` },
  });
  await end(run, "SIGTERM");

  expect(answer.status).toBe(200);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(run.output().split(`admin secret in ${file}\n`)).toHaveLength(2);
  expect(run.output()).not.toContain(secret);
});

it("fronts the engine that it is told, with its key", async () => {
  const engine = await startSimulator(noLatency);
  const run = start({
    UPSTREAM_BASE_URL: engine.url,
    UPSTREAM_MODEL: "sim-mid",
    UPSTREAM_API_KEY: "sk-upstream",
  });
  await untilGreeted(run);
  await ask(readKey(run));
  await end(run, "SIGTERM");
  await engine.close();
  expect(run.output()).toContain(`in front of sim-mid at ${engine.url}/v1`);
  expect(engine.requests.map(({ headers }) => headers["authorization"])).toContain(
    "Bearer sk-upstream",
  );
});

it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "leaves nothing running after %s",
  async (signal) => {
    const run = start();
    await untilGreeted(run);
    const children = await listChildren(run.process.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);

    await end(run, signal);
    expect(children.filter(isAlive)).toEqual([]);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
  },
);

it("says in one line that its port is taken", async () => {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  const run = start();
  expect(await untilExit(run)).toBe(1);
  expect(run.output()).toBe(
    `Port ${port} on 127.0.0.1 is taken; stop what listens there, or set PORT to another.\n`,
  );
  server.close();
});

it.each([
  [{ PORT: "eighty" }, 'PORT must be a whole number from 1 to 65535, not "eighty".'],
  [
    { UPSTREAM_BASE_URL: "http://127.0.0.1:9/v1" },
    "UPSTREAM_MODEL is missing; name the model that UPSTREAM_BASE_URL serves.",
  ],
  [
    { UPSTREAM_BASE_URL: "localhost", UPSTREAM_MODEL: "m" },
    'UPSTREAM_BASE_URL must be an http or https URL, not "localhost".',
  ],
])("says in one line what is wrong with %j", async (variables, line) => {
  const run = start(variables);
  expect(await untilExit(run)).toBe(1);
  expect(run.output()).toBe(`${line}\n`);
});

function start(variables: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, ["worker/cli/start.ts"], {
    cwd: repository,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PORT: String(port),
      SLUICE_STATE: stateFolder,
      // A developer's own .dev.vars must not decide what is tested; an empty value is none.
      UPSTREAM_BASE_URL: "",
      UPSTREAM_MODEL: "",
      UPSTREAM_ENGINE: "",
      ...variables,
    },
  });
  let text = "";
  child.stdout.on("data", (piece: Buffer) => (text += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (text += piece.toString("utf8")));
  const run = { process: child, output: () => text };
  runs.push(run);
  return run;
}

async function untilGreeted(run: Run): Promise<void> {
  const deadlineMs = Date.now() + START_DEADLINE_MS;
  while (!run.output().includes("Ctrl-C ends it.")) {
    if (run.process.exitCode !== null || Date.now() > deadlineMs) {
      throw new Error(`The gateway did not start.\n${run.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function end(run: Run, signal: NodeJS.Signals): Promise<void> {
  run.process.kill(signal);
  expect(await untilExit(run)).toBe(0);
}

async function untilExit(run: Run): Promise<number | null> {
  if (run.process.exitCode === null) await once(run.process, "close");
  return run.process.exitCode;
}

function readKey(run: Run): string {
  return /demo key (sk-sluice-\S+)/.exec(run.output())?.[1] ?? "";
}

async function ask(key: string): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "auto",
      messages: [{ role: "user", content: "What is 2 + 2?" }],
    }),
  });
  expect(response.status).toBe(200);
  await response.text();
  return response;
}

async function readAll(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.on("data", (piece: Buffer) => (text += piece.toString("utf8")));
  await once(child, "close");
  return text;
}

async function listChildren(pid: number): Promise<readonly number[]> {
  const listing = await readAll(spawn("ps", ["-A", "-o", "pid=,ppid="]));
  return listing
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    // No such process, which is the answer.
    return false;
  }
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return free;
}
