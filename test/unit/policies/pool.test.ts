// What an operator may say of an upstream's pool or prompt cache, and what is refused with the field and the fix.
import { describe, expect, it } from "vitest";
import { parseCatalog } from "../../../policies/catalog.ts";
import { settingsOf } from "../../../policies/placement/pool.ts";
import { findUnsetSecrets } from "../../../policies/references.ts";

const REPLICA = {
  id: "a",
  baseUrl: "http://10.0.0.1:8000/v1",
  capacityTokens: 2_000_000,
  prefillTokensPerSecond: 10_000,
};
const OTHER = { ...REPLICA, id: "b", baseUrl: "http://10.0.0.2:8000/v1" };
const POOL = { secret: "POOL_SECRET", replicas: [REPLICA, OTHER] };
const GROUP = {
  name: "house",
  tenants: ["acme", "beta"],
  prefixHash: "0123456789abcdef".repeat(4),
  prefixUnits: 512,
  sharesWhole: true,
};

function parse(upstream: object, capabilities: readonly string[] = ["cache-salt"]) {
  return parseCatalog({
    version: "1",
    upstreams: [
      { id: "up", engine: "vllm", baseUrl: "https://e.example/v1", secret: "API_KEY", ...upstream },
    ],
    models: [
      {
        id: "m",
        upstream: "up",
        name: "m",
        contextTokens: 4096,
        outputTokensMax: 1024,
        capabilities,
      },
    ],
  });
}

function faults(upstream: object) {
  const parsed = parse(upstream);
  return parsed.kind === "faulty" ? parsed.faults.map(({ path }) => path) : [];
}

describe("a pool", () => {
  it("is refused as the upstream of a pooling replica, whose calls its index would know nothing of", () => {
    const parsed = parseCatalog({
      version: "1",
      upstreams: [
        { id: "up", engine: "vllm", baseUrl: "https://e.example/v1", pool: POOL },
        { id: "alone", engine: "vllm", baseUrl: "https://a.example/v1" },
      ],
      models: ["up", "alone"].map((upstream) => ({
        id: `of-${upstream}`,
        upstream: "up",
        name: "m",
        contextTokens: 4096,
        outputTokensMax: 1024,
        capabilities: ["cache-salt"],
        pooling: { upstream, name: "p", width: 64 },
      })),
    });
    expect(parsed.kind === "faulty" ? parsed.faults.map(({ path }) => path) : []).toEqual([
      "models.0.pooling.upstream",
    ]);
  });

  it("is refused for a model whose caches it does not part between tenants, unless that is said to be known", () => {
    const parsed = parse({ pool: POOL }, []);
    expect(parsed.kind === "faulty" ? parsed.faults : []).toEqual([
      { path: "models.0.capabilities", problem: expect.stringContaining("unsalted") },
    ]);
    expect(parse({ pool: { ...POOL, unsalted: true } }, []).kind).toBe("parsed");
    expect(parse({}, []).kind).toBe("parsed");
  });

  it("may be said shortly: what is left out is a tenant's own cache, in the order of arrival, for ten seconds", () => {
    expect(parse({ pool: POOL })).toMatchObject({
      kind: "parsed",
      value: {
        upstreams: [
          { pool: { scope: "tenant", epoch: 0, order: "arrival", waitMsMax: 10_000, groups: [] } },
        ],
      },
    });
    expect(
      faults({
        pool: {
          ...POOL,
          groups: [GROUP],
          concurrencyMax: 8,
          waitMsMax: 45_000,
          revision: "r1",
        },
      }),
    ).toEqual([]);
  });

  it.each([
    ["no replica", { replicas: [] }, "replicas"],
    ["65 replicas", { replicas: Array.from({ length: 65 }, () => REPLICA) }, "replicas"],
    ["one id twice", { replicas: [REPLICA, { ...OTHER, id: "a" }] }, "replicas.1.id"],
    [
      "one address twice",
      { replicas: [REPLICA, { ...OTHER, baseUrl: `${REPLICA.baseUrl}/` }] },
      "replicas.1.baseUrl",
    ],
    [
      "no speed",
      { replicas: [{ ...REPLICA, prefillTokensPerSecond: 0 }] },
      "replicas.0.prefillTokensPerSecond",
    ],
    ["the operator's own secret", { secret: "ADMIN_SECRET" }, "secret"],
    ["the relays' token", { secret: "RELAY_TOKEN" }, "secret"],
    ["the secret that is sent upstream", { secret: "API_KEY" }, "secret"],
    ["a secret and not its name", { secret: "s3cret" }, "secret"],
    ["an order that there is none of", { order: "random" }, "order"],
    ["a wait that no call gets", { waitMsMax: 45_001 }, "waitMsMax"],
    ["one group twice", { groups: [GROUP, GROUP] }, "groups.1.name"],
    ["a group of one", { groups: [{ ...GROUP, tenants: ["acme"] }] }, "groups.0.tenants"],
    ["a member twice", { groups: [{ ...GROUP, tenants: ["acme", "acme"] }] }, "groups.0.tenants.1"],
    [
      "sharing that is not known of",
      { groups: [{ ...GROUP, sharesWhole: false }] },
      "groups.0.sharesWhole",
    ],
    ["part of a block", { groups: [{ ...GROUP, prefixUnits: 300 }] }, "groups.0.prefixUnits"],
    ["a misspelled field", { replica: [] }, ""],
  ])("with %s is refused, and the fault names the field", (_, changes, field) => {
    const path = field === "" ? "upstreams.0.pool" : `upstreams.0.pool.${field}`;
    expect(faults({ pool: { ...POOL, ...changes } })).toEqual([path]);
  });

  it("needs its secret to be set", () => {
    const parsed = parse({ pool: POOL });
    if (parsed.kind === "faulty") throw new Error("It is not faulty.");
    expect(findUnsetSecrets(parsed.value, (name) => name === "API_KEY")).toEqual([
      { path: "catalog.upstreams.0.pool.secret", problem: expect.stringContaining("POOL_SECRET") },
    ]);
    expect(findUnsetSecrets(parsed.value, () => true)).toEqual([]);
  });

  it("is told to its index without addresses and secrets, and an upstream without one is none", () => {
    const parsed = parse({ pool: POOL });
    if (parsed.kind === "faulty") throw new Error("It is not faulty.");
    const [upstream] = parsed.value.upstreams;
    const settings = settingsOf(upstream!);
    expect(settings).toMatchObject({ concurrencyMax: null, replicas: [{ id: "a" }, { id: "b" }] });
    expect(JSON.stringify(settings)).not.toMatch(/10\.0\.0|SECRET/);
    // What was found at an address is told apart from what is at another, and that is all.
    const [a, b] = settings!.replicas;
    expect(a!.address).not.toBe(b!.address);
    expect(settingsOf(structuredClone(upstream!))).toEqual(settings);
    const { pool: _, ...bare } = upstream!;
    expect(settingsOf(bare)).toBeNull();
  });
});

describe("a provider's prompt cache", () => {
  const CACHE = { ttlMs: 300_000, minTokens: 1024 };

  it("is told by its life and the shortest prompt, and takes no key unless it says so", () => {
    expect(parse({ promptCache: CACHE })).toMatchObject({
      value: { upstreams: [{ promptCache: { ...CACHE, sendsKey: false } }] },
    });
    expect(faults({ promptCache: { ...CACHE, ttlMs: 0 } })).toEqual([
      "upstreams.0.promptCache.ttlMs",
    ]);
  });

  it("stands where no pool does", () => {
    expect(faults({ promptCache: CACHE, pool: POOL })).toEqual(["upstreams.0.promptCache"]);
  });
});
