// `npm run deploy` from its words to its exit code: wrangler is a stand-in with an account in a file, and what it deploys
// to is the built Worker, seeded through its own admin API.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, it } from "vitest";
import { runDeployCommand } from "../../../worker/cli/deploy/command.ts";
import { openWrangler } from "../../../worker/cli/deploy/wrangler.ts";
import { startServer, type Server } from "../../../worker/cli/self-host/server.ts";
import type { FakeAccount } from "./fake-wrangler.ts";

const repository = join(import.meta.dirname, "..", "..", "..");
const ADMIN_SECRET = "an-admin-secret-of-a-journey-that-is-long";
const UPSTREAM = {
  UPSTREAM_BASE_URL: "https://upstream.example/v1",
  UPSTREAM_MODEL: "gpt-5.1",
  UPSTREAM_API_KEY: "sk-upstream",
} as const;
/** The address is there at once, and KV is filled in milliseconds. */
const WAIT_MS = 10_000;

let scratch: string;
let cloud: Server | null;
let ruin: HttpServer | null;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "sluice-deploy-journey-"));
  cloud = null;
  ruin = null;
});

afterEach(async () => {
  await cloud?.drain(0);
  ruin?.close();
  await rm(scratch, { recursive: true, force: true });
});

it("makes what is missing, sets the secrets with the code, seeds and shows the first key", async () => {
  const url = await startCloud();
  await writeAccount({ targets: ["sluice.example.com/*", url] });
  const before = await readFile(join(repository, "wrangler.toml"), "utf8");

  const run = await deploy({ ...UPSTREAM, ADMIN_SECRET });
  expect(run.complaints).toEqual([]);
  expect(run.code).toBe(0);
  const account = await readAccount();
  const [namespace] = account.namespaces;
  expect(account.namespaces).toEqual([
    { id: expect.stringMatching(/^[0-9a-f]{32}$/), title: "sluice-configuration" },
  ]);
  expect(account.worker?.secrets).toEqual({ ADMIN_SECRET, UPSTREAM_API_KEY: "sk-upstream" });
  const configuration = account.calls.at(-1)?.configuration as Record<string, unknown>;
  expect(configuration).toMatchObject({
    name: "sluice",
    main: join(repository, "worker", "index.ts"),
    kv_namespaces: [{ binding: "CONFIGURATION", id: namespace?.id }],
    secrets: { required: ["ADMIN_SECRET", "UPSTREAM_API_KEY"] },
  });
  expect(await readFile(join(repository, "wrangler.toml"), "utf8")).toBe(before);
  // The secret itself never stands among a command's words, where every process of the machine could read it.
  expect(JSON.stringify(account.calls)).not.toContain("sk-upstream");

  const key = /shown only now: (sk-sluice-\S+)/.exec(run.said)?.[1] ?? "";
  const models = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  expect(models.status).toBe(200);
  expect(await models.text()).toContain("gpt-5.1");
  expect(run.said).toContain("right: GET /v1/models\n");
});

it("changes nothing that is right when it runs again", async () => {
  const url = await startCloud();
  await writeAccount({ targets: [url] });
  await deploy({ ...UPSTREAM, ADMIN_SECRET });
  const first = await readAccount();
  const namespaceId = first.namespaces[0]?.id ?? "";
  const { catalog, revision } = await readExport(url);
  await writeAccount({
    ...first,
    kv: { [namespaceId]: { catalog: JSON.stringify(catalog) } },
    calls: [],
  });

  // Neither secret is given a second time, and other seeds than those in force are of no account.
  const run = await deploy({});
  expect(run.complaints).toEqual([]);
  const second = await readAccount();
  expect(run.code).toBe(0);
  expect(second.namespaces).toEqual(first.namespaces);
  expect(second.worker?.secrets).toEqual(first.worker?.secrets);
  expect(second.calls.map(({ words }) => words.slice(0, 3).join(" "))).not.toContain(
    "kv namespace create",
  );
  expect(second.calls.flatMap(({ words }) => words)).not.toContain("--secrets-file");
  expect(await readExport(url)).toEqual({ catalog, revision });
  expect(run.said).toContain("keep the configuration that is in force");
});

it("keeps what operators wrote when KV does not show it yet", async () => {
  const url = await startCloud();
  await writeAccount({ targets: [url] });
  await deploy({ ...UPSTREAM, ADMIN_SECRET });
  const { revision } = await readExport(url);

  const run = await deploy({ ...UPSTREAM, UPSTREAM_MODEL: "another", ADMIN_SECRET });
  expect(run.code).toBe(0);
  expect(run.said).toContain("It has a configuration already, which stays as it is.");
  expect((await readExport(url)).revision).toBe(revision);
});

it.each([
  [{ ...UPSTREAM }, ["The secret ADMIN_SECRET, which the admin API needs, is not set."]],
  [
    { ...UPSTREAM, ADMIN_SECRET: "short" },
    ["ADMIN_SECRET has 5 characters, and the admin API stays off with less than 32."],
  ],
  [
    { ADMIN_SECRET },
    ['Upstream "simulator" is at http://127.0.0.1:8788/v1, which Cloudflare cannot reach.'],
  ],
])("refuses before it touches anything with %j", async (environment, problems) => {
  await writeAccount({});
  const run = await deploy(environment);
  expect(run.code).toBe(1);
  for (const problem of problems) expect(run.complaints.join("\n")).toContain(problem);
  await expectUntouched();
});

it("refuses a catalog whose secret is unset, with the command that sets it", async () => {
  const folder = await writeDocuments("ENGINE_KEY");
  await writeAccount({});
  const run = await deploy({ ADMIN_SECRET }, ["--documents", folder]);
  expect(run.code).toBe(1);
  expect(run.complaints.join("\n")).toContain(
    'The secret ENGINE_KEY, which upstream "simulator" needs, is not set.\n    npx wrangler secret put ENGINE_KEY --name sluice',
  );
  await expectUntouched();
});

it("refuses without a login, and with several accounts to choose from", async () => {
  await writeAccount({ signedIn: false });
  expect((await deploy({ ...UPSTREAM, ADMIN_SECRET })).complaints.join()).toContain(
    "npx wrangler login",
  );
  await writeAccount({
    accounts: [
      { id: "a1", name: "One" },
      { id: "a2", name: "Two" },
    ],
  });
  expect((await deploy({ ...UPSTREAM, ADMIN_SECRET })).complaints.join()).toContain(
    "a1 (One), a2 (Two)",
  );
  await expectUntouched();
});

it("says how to go back when what it deployed does not answer", async () => {
  const url = await startRuin();
  const old = "11111111-2222-4333-8444-555555555555";
  await writeAccount({
    targets: [url],
    namespaces: [{ id: "0123456789abcdef0123456789abcdef", title: "sluice-configuration" }],
    worker: { secrets: { ADMIN_SECRET, UPSTREAM_API_KEY: "sk-upstream" }, versions: [old] },
  });
  const run = await deploy({ ...UPSTREAM, ADMIN_SECRET }, [], 0);
  expect(run.code).toBe(1);
  expect(run.complaints.join("\n")).toBe(
    `The smoke test failed. GET /healthz: answered 500 broken\nTo go back to the version before: npx wrangler rollback ${old} --name sluice`,
  );
});

it("says that the admin secret is another one than the Worker's", async () => {
  await writeAccount({ targets: [await startCloud()] });
  const run = await deploy({ ...UPSTREAM, ADMIN_SECRET: "x".repeat(40) });
  expect(run.code).toBe(1);
  expect(run.complaints.join()).toContain("npx wrangler secret put ADMIN_SECRET --name sluice");
});

it("touches nothing in a dry run, and says what is still unset", async () => {
  await writeAccount({ signedIn: false });
  const run = await deploy({}, ["--dry-run"]);
  expect(run.complaints).toEqual([]);
  expect(run.code).toBe(0);
  expect((await readAccount()).calls.map(({ words }) => words.slice(0, 2))).toEqual([
    ["deploy", "--dry-run"],
  ]);
  await expectUntouched();
  expect(run.said).toContain("create the KV namespace sluice-configuration");
  expect(run.said).toContain("The secret ADMIN_SECRET, which the admin API needs, is not set.");
});

it("stops a dry run at documents with faults", async () => {
  await writeAccount({ signedIn: false });
  const folder = await writeDocuments("not a name");
  const run = await deploy({}, ["--dry-run", "--documents", folder]);
  expect(run.code).toBe(1);
  expect(run.complaints.join()).toContain("catalog.upstreams.0.secret");
});

/** The built Worker, as it would answer at Cloudflare after an upload. */
async function startCloud(): Promise<string> {
  cloud = await startServer({
    host: "127.0.0.1",
    port: 0,
    stateFolder: join(scratch, "cloud"),
    bundleFolder: inject("bundleFolder"),
    secrets: { ADMIN_SECRET, UPSTREAM_API_KEY: "sk-upstream" },
    log: () => {},
  });
  return cloud.url;
}

/** A version that answers nothing but its own fault. */
async function startRuin(): Promise<string> {
  const server = createServer((_, response) => response.writeHead(500).end("broken"));
  ruin = server;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function deploy(
  environment: Readonly<Record<string, string>>,
  words: readonly string[] = [],
  waitMs = WAIT_MS,
) {
  const lines: string[] = [];
  const complaints: string[] = [];
  const code = await runDeployCommand({
    words,
    environment,
    wrangler: openWrangler({
      command: [process.execPath, join(import.meta.dirname, "fake-wrangler.ts")],
      environment: { ...process.env, FAKE_WRANGLER_ACCOUNT: join(scratch, "account.json") },
    }),
    waitMs,
    log: (line) => lines.push(line),
    complain: (line) => complaints.push(line),
  });
  return { code, said: `${lines.join("\n")}\n`, complaints };
}

async function writeAccount(given: Partial<FakeAccount>): Promise<void> {
  const account: FakeAccount = {
    signedIn: true,
    accounts: [{ id: "a1", name: "One" }],
    namespaces: [],
    worker: null,
    kv: {},
    targets: ["https://sluice.example.workers.dev"],
    calls: [],
    ...given,
  };
  await writeFile(join(scratch, "account.json"), JSON.stringify(account));
}

async function readAccount(): Promise<FakeAccount> {
  return JSON.parse(await readFile(join(scratch, "account.json"), "utf8")) as FakeAccount;
}

async function expectUntouched(): Promise<void> {
  const { namespaces, worker, calls } = await readAccount();
  expect({ namespaces, worker }).toEqual({ namespaces: [], worker: null });
  const doing = calls.filter(({ words }) => !words.includes("--dry-run"));
  expect(doing.filter(({ words }) => /create|deploy$|put/.test(words.join(" ")))).toEqual([]);
}

/** The seeds, at an address that Cloudflare could reach, with a key of that name. */
async function writeDocuments(secret: string): Promise<string> {
  for (const name of ["catalog", "policies", "tenants"]) {
    const text = await readFile(join(repository, "kv-seeds", `${name}.json`), "utf8");
    const written = text.replace(
      '"baseUrl": "http://127.0.0.1:8788/v1"',
      `"baseUrl": "https://engine.example/v1", "secret": ${JSON.stringify(secret)}`,
    );
    await writeFile(join(scratch, `${name}.json`), written);
  }
  return scratch;
}

async function readExport(url: string) {
  const response = await fetch(`${url}/admin/v1/export`, {
    headers: { authorization: `Bearer ${ADMIN_SECRET}` },
  });
  const { catalog } = (await response.json()) as { readonly catalog: unknown };
  return { catalog, revision: response.headers.get("etag") };
}
