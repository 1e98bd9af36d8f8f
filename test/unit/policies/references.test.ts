// What one document says of another is checked, and who would break is named.
import { describe, expect, it } from "vitest";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import { parseOrganisation, type Organisation } from "../../../policies/organisation.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";
import type { Parsed } from "../../../policies/parse.ts";
import {
  cutFaults,
  FAULTS_MAX,
  findLooseEnds,
  findUnsetSecrets,
  type Configuration,
} from "../../../policies/references.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../../../policies/tenant.ts";

function parsed<T>(result: Parsed<T>): T {
  if (result.kind === "faulty") throw new Error(JSON.stringify(result.faults));
  return result.value;
}

const catalog = (models = ["small", "deep"]): Catalog =>
  parsed(
    parseCatalog({
      version: "1",
      upstreams: [
        { id: "open", engine: "vllm", baseUrl: "http://127.0.0.1:1/v1" },
        { id: "paid", engine: "openai", baseUrl: "https://example.com/v1", secret: "PAID_KEY" },
      ],
      models: models.map((id) => ({
        id,
        upstream: "open",
        name: id,
        contextTokens: 4096,
        outputTokensMax: 1024,
      })),
    }),
  );
function grouped(tenants: readonly string[]): Catalog {
  const replica = { capacityTokens: 1_000_000, prefillTokensPerSecond: 10_000 };
  const group = { name: "house", prefixHash: "0".repeat(64), prefixUnits: 256, sharesWhole: true };
  const pool = {
    secret: "POOL_SECRET",
    unsalted: true,
    replicas: [{ ...replica, id: "r0", baseUrl: "http://127.0.0.1:1/v1" }],
    groups: [{ ...group, tenants }],
  };
  const { upstreams, ...rest } = catalog();
  const pooled = upstreams.map((one) => (one.id === "open" ? { ...one, pool } : one));
  return parsed(parseCatalog({ ...rest, upstreams: pooled }));
}
const policy = (changes: object = {}): Policy =>
  parsed(parsePolicy({ name: "plain", version: "1", modes: { short: "small" }, ...changes }));
const organisation = (changes: object = {}): Organisation =>
  parsed(parseOrganisation({ id: "holding", zone: "Europe/Berlin", ...changes }));
const tenant = (changes: object = {}): Tenant =>
  parsed(parseTenant({ id: "acme", name: "Acme", policy: "plain", ...changes }));
const key = (changes: object = {}): Key =>
  parsed(parseKey({ id: "k1", tenant: "acme", ...changes }));

const whole = (changes: Partial<Configuration> = {}): Configuration => ({
  catalog: catalog(),
  policies: [policy()],
  organisations: [organisation()],
  tenants: [tenant()],
  keys: [key()],
  ...changes,
});

describe("findLooseEnds", () => {
  it("finds nothing in documents that fit together", () => {
    expect(findLooseEnds(whole())).toEqual([]);
  });

  it.each<[string, Partial<Configuration>, string]>([
    [
      "a model that a mode needs",
      { catalog: catalog(["deep"]) },
      'policy:plain.modes.short no model is called "small"',
    ],
    [
      "a model that stands in",
      { policies: [policy({ fallback: ["deep", "gone"] })] },
      'policy:plain.fallback.1 no model is called "gone"',
    ],
    ["a catalog at all", { catalog: null }, 'policy:plain.modes.short no model is called "small"'],
    [
      "a tenant's policy",
      { policies: [policy({ name: "other" })] },
      'tenant:acme.policy no policy is called "plain"',
    ],
    [
      "a policy that clients may name",
      { tenants: [tenant({ policies: ["plain", "gone"] })] },
      'tenant:acme.policies.1 no policy is called "gone"',
    ],
    [
      "a model that a tenant may use",
      { tenants: [tenant({ models: ["small", "gone"] })] },
      'tenant:acme.models.1 no model is called "gone"',
    ],
    [
      "a tenant's organisation",
      { tenants: [tenant({ organisation: "gone" })] },
      'tenant:acme.organisation no organisation is called "gone"',
    ],
    [
      "the calendar of a tenant's organisation",
      { tenants: [tenant({ organisation: "holding" })] },
      'tenant:acme.zone must be "Europe/Berlin", as its organisation "holding" has it',
    ],
    [
      "a tenant that is a member of a pool's group",
      { catalog: grouped(["acme", "gone"]) },
      'catalog.upstreams.0.pool.groups.0.tenants.1 no tenant is called "gone"',
    ],
    ["a key's tenant", { tenants: [] }, 'key:k1.tenant no tenant is called "acme"'],
  ])("misses %s", (_, changes, fault) => {
    expect(findLooseEnds(whole(changes)).map(({ path, problem }) => `${path} ${problem}`)).toEqual([
      fault,
    ]);
  });

  it("takes a group whose members all stand", () => {
    const tenants = [tenant(), tenant({ id: "beta" })];
    expect(findLooseEnds(whole({ catalog: grouped(["acme", "beta"]), tenants }))).toEqual([]);
  });

  it("takes a tenant that turns its windows with its organisation", () => {
    const member = tenant({ organisation: "holding", zone: "Europe/Berlin" });
    expect(findLooseEnds(whole({ tenants: [member] }))).toEqual([]);
    expect(findLooseEnds(whole({ tenants: [tenant({ zone: "Asia/Tokyo" })] }))).toEqual([]);
  });

  it("refuses to lock a tenant out of its policy, and names the tenant", () => {
    const faults = findLooseEnds(whole({ tenants: [tenant({ models: ["deep"] })] }));
    expect(faults).toEqual([
      {
        path: "tenant:acme.policy",
        problem: '"plain" runs on no model that the tenant may use, which would lock it out',
      },
    ]);
    expect(findLooseEnds(whole({ tenants: [tenant({ models: [] })] }))).toHaveLength(1);
  });

  it("takes a stand-in that the tenant may use for an arm", () => {
    const policies = [policy({ fallback: ["deep"] })];
    expect(findLooseEnds(whole({ policies, tenants: [tenant({ models: ["deep"] })] }))).toEqual([]);
  });
});

describe("findUnsetSecrets", () => {
  it("names the secret that nobody has set, and its upstream", () => {
    expect(findUnsetSecrets(catalog(), () => false)).toEqual([
      {
        path: "catalog.upstreams.1.secret",
        problem: 'no secret is called "PAID_KEY", which upstream "paid" needs; set it first',
      },
    ]);
    expect(findUnsetSecrets(catalog(), (name) => name === "PAID_KEY")).toEqual([]);
  });
});

describe("cutFaults", () => {
  it("leaves a short list alone, and says how much of a long one is left out", () => {
    const faults = Array.from({ length: FAULTS_MAX + 3 }, (_, index) => ({
      path: String(index),
      problem: "is wrong",
    }));
    expect(cutFaults(faults.slice(0, FAULTS_MAX))).toHaveLength(FAULTS_MAX);
    expect(cutFaults(faults).at(-1)).toEqual({ path: "", problem: "and 3 faults more" });
  });
});
