// What is refused of a document that is written, and read all the same where it stands.
import { describe, expect, test } from "vitest";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";
import {
  findCatalogFaultsOnWrite,
  findPolicyFaultsOnWrite,
  STRATEGY_IDS,
} from "../../../policies/rules-on-write.ts";
import { STRATEGIES } from "../../../worker/strategy/table.ts";

const GOOD = "https://engine.example/v1";

function catalogAt(baseUrl: string, replicaUrl?: string): Catalog {
  const replica = { id: "a", capacityTokens: 4096, prefillTokensPerSecond: 1000 };
  const pool =
    replicaUrl === undefined
      ? {}
      : { pool: { secret: "POOL_SECRET", replicas: [{ ...replica, baseUrl: replicaUrl }] } };
  const parsed = parseCatalog({
    version: "1",
    upstreams: [{ id: "up", engine: "vllm", baseUrl, ...pool }],
    models: [
      {
        id: "m",
        upstream: "up",
        name: "m",
        contextTokens: 4096,
        outputTokensMax: 1024,
        capabilities: ["cache-salt"],
      },
    ],
  });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

function policyWith(fields: object): Policy {
  const parsed = parsePolicy({ name: "p", version: "1", modes: { short: "m" }, ...fields });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

describe("an address", () => {
  const bad: readonly (readonly [string, string])[] = [
    ["http://[bad", "write http or https, a host and the path"],
    ["http://host:99999/v1", "write http or https, a host and the path"],
    ["https://user:pw@host/v1", "name it in `secret`"],
    ["https://user@host/v1", "name it in `secret`"],
    ["http://x/v1?api_key=abc", "no query"],
    ["http://x/v1?", "no query"],
    ["http://x/v1#f", "no fragment"],
    ["http://x/v1#", "no fragment"],
  ];

  test.each(bad)("%s is a fault at its path that names the fix and no secret", (url, fix) => {
    const problem = expect.stringContaining(fix) as string;
    expect(findCatalogFaultsOnWrite(catalogAt(url), null)).toEqual([
      { path: "upstreams.0.baseUrl", problem },
    ]);
    const faults = findCatalogFaultsOnWrite(catalogAt(GOOD, url), null);
    expect(faults).toEqual([{ path: "upstreams.0.pool.replicas.0.baseUrl", problem }]);
    expect(JSON.stringify(faults)).not.toMatch(/pw|abc/);
  });

  test.each([
    GOOD,
    "http://127.0.0.1:8000/v1",
    "http://[::1]:8000/v1/",
    "https://e.example/a@b/v1",
    "http://engine",
  ])("%s is none", (url) => {
    expect(findCatalogFaultsOnWrite(catalogAt(url, url), null)).toEqual([]);
  });

  test("that stands in the catalog before is let be, and another bad one is not", () => {
    const standing = catalogAt("https://user:pw@host/v1", GOOD);
    expect(findCatalogFaultsOnWrite(catalogAt("https://user:pw@host/v1"), standing)).toEqual([]);
    expect(
      findCatalogFaultsOnWrite(catalogAt("https://user:pw@host/v1", "http://x/v1#f"), standing),
    ).toMatchObject([{ path: "upstreams.0.pool.replicas.0.baseUrl" }]);
  });
});

describe("a strategy", () => {
  test("that nobody has is a fault that lists those that there are", () => {
    const of = policyWith({ strategies: { short: ["outline", "concise"], long: ["Outline"] } });
    expect(findPolicyFaultsOnWrite(of)).toEqual([
      {
        path: "strategies.short.1",
        problem: '"concise" is no strategy; name one of mode-prompt, diffadapt, outline',
      },
      {
        path: "strategies.long.0",
        problem: '"Outline" is no strategy; name one of mode-prompt, diffadapt, outline',
      },
    ]);
  });

  test("may be named when the worker has it, and only then", () => {
    expect(STRATEGIES.map(({ id }) => id)).toEqual(STRATEGY_IDS);
    expect(
      findPolicyFaultsOnWrite(policyWith({ strategies: { short: STRATEGY_IDS, code: [] } })),
    ).toEqual([]);
  });
});

test("a deadline that no call would live through is a fault, and a second is none", () => {
  for (const deadlineMs of [50, 999])
    expect(findPolicyFaultsOnWrite(policyWith({ deadlineMs }))).toEqual([
      { path: "deadlineMs", problem: expect.stringContaining("at least 1000") },
    ]);
  expect(findPolicyFaultsOnWrite(policyWith({ deadlineMs: 1000 }))).toEqual([]);
});
