// What a deploy decides, without an account: every step and every refusal, from what stands and what was given.
import { expect, it } from "vitest";
import { parseCatalog, type Catalog } from "../../../../policies/catalog.ts";
import {
  planDeployment,
  sayStep,
  type Given,
  type Plan,
  type Seen,
} from "../../../../worker/cli/deploy/plan.ts";

const EMPTY: Seen = { kind: "seen", namespaceId: null, secretNames: null, catalog: null };

it("does everything for an empty account, in the order that leaves no version without its secrets", () => {
  expect(say(planDeployment(EMPTY, given()))).toEqual([
    "create the KV namespace sluice-configuration",
    "set the secrets ADMIN_SECRET, ENGINE_KEY",
    "create the Worker sluice",
    "seed catalog, policies and tenants, with a first key",
    "smoke-test the address",
  ]);
});

it("keeps what is there", () => {
  const standing: Seen = {
    kind: "seen",
    namespaceId: "abc",
    secretNames: ["ADMIN_SECRET", "ENGINE_KEY", "ANOTHER"],
    catalog: catalogAt("https://engine.example/v1"),
  };
  expect(say(planDeployment(standing, given({ secretChars: new Map() })))).toEqual([
    "keep the KV namespace sluice-configuration (abc)",
    "keep the secrets ADMIN_SECRET, ENGINE_KEY",
    "deploy a new version of the Worker sluice",
    "keep the configuration that is in force",
    "smoke-test the address",
  ]);
});

it("sets only the secrets that are missing, and never one that stands", () => {
  const standing: Seen = { ...EMPTY, secretNames: ["ENGINE_KEY"] };
  expect(say(planDeployment(standing, given()))).toEqual(
    expect.arrayContaining(["keep the secrets ENGINE_KEY", "set the secrets ADMIN_SECRET"]),
  );
});

it("asks for the secrets of the catalog in force, not of the seeds", () => {
  const standing: Seen = {
    ...EMPTY,
    secretNames: ["ADMIN_SECRET"],
    catalog: catalogAt("https://engine.example/v1", "OPERATORS_KEY"),
  };
  expect(problems(planDeployment(standing, given()))).toEqual([
    'The secret OPERATORS_KEY, which upstream "engine" needs, is not set.',
  ]);
});

it("asks for the secret of a pool and for its relays' token, which have to be long", () => {
  const catalog = catalogAt("https://engine.example/v1");
  const replicas = [
    { id: "a", baseUrl: "http://a.example/v1", capacityTokens: 64_000, prefillTokensPerSecond: 1 },
  ];
  const upstreams = catalog.upstreams.map((one) => ({
    ...one,
    pool: { secret: "POOL_KEY", replicas },
  }));
  const parsed = parseCatalog({ ...catalog, upstreams });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  const secretNames = ["ADMIN_SECRET", "ENGINE_KEY"];
  const standing = { ...EMPTY, secretNames, catalog: parsed.value };
  expect(problems(planDeployment(standing, given()))).toEqual([
    'The secret POOL_KEY, which the pool of "engine" needs, is not set.',
    'The secret RELAY_TOKEN, which the relays of "engine" need, is not set.',
  ]);
  const secretChars = new Map([
    ["POOL_KEY", 31],
    ["RELAY_TOKEN", 31],
  ]);
  expect(problems(planDeployment(standing, given({ secretChars })))).toEqual([
    'POOL_KEY has 31 characters, and the pool of "engine" stays off with less than 32.',
    "RELAY_TOKEN has 31 characters, and the endpoint for relays stays off with less than 32.",
  ]);
  for (const name of ["POOL_KEY", "RELAY_TOKEN"]) secretChars.set(name, 32);
  expect(say(planDeployment(standing, given({ secretChars })))).toContain(
    "set the secrets POOL_KEY, RELAY_TOKEN",
  );
});

it("names every secret that is unset at once", () => {
  expect(problems(planDeployment(EMPTY, given({ secretChars: new Map() })))).toEqual([
    "The secret ADMIN_SECRET, which the admin API needs, is not set.",
    'The secret ENGINE_KEY, which upstream "engine" needs, is not set.',
  ]);
});

it("wants the admin secret here only to seed", () => {
  const standing: Seen = { ...EMPTY, secretNames: ["ADMIN_SECRET", "ENGINE_KEY"] };
  const without = given({ secretChars: new Map() });
  expect(problems(planDeployment(standing, without))).toEqual([
    "ADMIN_SECRET is set at the Worker, but not here, and seeding has to send it.",
  ]);
  const seeded = { ...standing, catalog: catalogAt("https://engine.example/v1") };
  expect(planDeployment(seeded, without).kind).toBe("planned");
});

it.each([
  "http://localhost:8000/v1",
  "http://127.0.0.1:8788/v1",
  "http://10.1.2.3/v1",
  "http://172.16.0.1/v1",
  "http://172.31.255.1/v1",
  "http://192.168.1.1/v1",
  "http://169.254.1.1/v1",
  "http://[::1]:8000/v1",
  "http://[fd00::1]/v1",
  "http://gpu-1:8000/v1",
  "http://gpu.local/v1",
])("refuses to seed an upstream that only this network knows: %s", (baseUrl) => {
  expect(problems(planDeployment(EMPTY, given({ catalog: catalogAt(baseUrl) })))).toEqual([
    `Upstream "engine" is at ${baseUrl}, which Cloudflare cannot reach.`,
  ]);
});

it.each([
  "https://api.openai.com/v1",
  "http://172.32.0.1/v1",
  "http://11.0.0.1/v1",
  "http://[2606:4700::1]/v1",
  "https://localhost.example.com/v1",
])("seeds an upstream that everybody knows: %s", (baseUrl) => {
  expect(planDeployment(EMPTY, given({ catalog: catalogAt(baseUrl) })).kind).toBe("planned");
});

function given(more: Partial<Given> = {}): Given {
  return {
    workerName: "sluice",
    namespaceTitle: "sluice-configuration",
    catalog: catalogAt("https://engine.example/v1"),
    secretChars: new Map([
      ["ADMIN_SECRET", 64],
      ["ENGINE_KEY", 20],
      ["PATH", 200],
    ]),
    ...more,
  };
}

function catalogAt(baseUrl: string, secret = "ENGINE_KEY"): Catalog {
  const parsed = parseCatalog({
    version: "1",
    upstreams: [{ id: "engine", engine: "generic", baseUrl, secret }],
    models: [
      {
        id: "m",
        upstream: "engine",
        name: "m",
        contextTokens: 8192,
        outputTokensMax: 1024,
        capabilities: ["cache-salt"],
      },
    ],
  });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

function say(plan: Plan): readonly string[] {
  return plan.kind === "planned" ? plan.steps.map(sayStep) : problems(plan);
}

function problems(plan: Plan): readonly string[] {
  return plan.kind === "refused" ? plan.refusals.map(({ problem }) => problem) : [];
}
