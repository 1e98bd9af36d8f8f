// Rules that came after documents did: they bind what is written, and what stood before stays as it was and readable.
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { stopClock } from "./a-clock.ts";
import {
  ADMIN,
  catalog,
  configuration,
  fill,
  openRegistry,
  policy,
  tenant,
} from "./registry-samples.ts";

// A real alarm that comes while the file's worker is taken down can keep it from ending.
beforeEach(() => {
  stopClock();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const ANYHOW = { expectedRevision: null };
const OLD_POLICY = policy("plain", { strategies: { direct: ["concise"] }, deadlineMs: 50 });
const OLD_ADDRESS = "https://user:pw@host/v1";

function catalogAt(baseUrl: string, changes: object = {}) {
  const { upstreams, ...rest } = catalog();
  return { ...rest, upstreams: upstreams.map((one) => ({ ...one, baseUrl })), ...changes };
}

/** A registry with documents that were written before the rules. */
async function openOldRegistry(name: string) {
  const registry = openRegistry(name);
  await fill(registry);
  await runInDurableObject(registry, (_, { storage }) => {
    const set = "UPDATE document SET text = ? WHERE kind = ? AND id = ?";
    storage.sql.exec(set, JSON.stringify(OLD_POLICY), "policy", "plain");
    storage.sql.exec(set, JSON.stringify(catalogAt(OLD_ADDRESS)), "catalog", "catalog");
  });
  return registry;
}

it("a catalog with an address that cannot be called, or that holds a secret, is not written", async () => {
  const registry = openRegistry("addresses");
  await fill(registry);
  for (const url of ["http://[bad", OLD_ADDRESS, "http://x/v1?api_key=abc", "http://x/v1#f"]) {
    const text = JSON.stringify(catalogAt(url));
    expect(await registry.put("catalog", "catalog", text, 1, ADMIN)).toMatchObject({
      kind: "faulty",
      faults: [{ path: "upstreams.0.baseUrl" }],
    });
    const whole = configuration({ catalog: catalogAt(url) });
    expect(await registry.importAll(whole, ADMIN, ANYHOW)).toMatchObject({
      kind: "faulty",
      faults: [{ path: "catalog.upstreams.0.baseUrl" }],
    });
  }
  const good = JSON.stringify(catalogAt("http://10.0.0.1:8000/v1"));
  expect(await registry.put("catalog", "catalog", good, 1, ADMIN)).toMatchObject({
    kind: "written",
  });
});

it("a policy that names an unknown strategy or a deadline below a second is not written", async () => {
  const registry = openRegistry("strategies");
  await fill(registry);
  const faults = [{ path: "strategies.direct.0" }, { path: "deadlineMs" }];
  const text = JSON.stringify(OLD_POLICY);
  expect(await registry.put("policy", "plain", text, 1, ADMIN)).toMatchObject({
    kind: "faulty",
    faults,
  });
  const whole = configuration({ policies: [policy("spare"), OLD_POLICY] });
  expect(await registry.importAll(whole, ADMIN, ANYHOW)).toMatchObject({
    kind: "faulty",
    faults: faults.map(({ path }) => ({ path: `policies.1.${path}` })),
  });
});

it("documents from before are read, named and imported again as they stand", async () => {
  const registry = await openOldRegistry("old");
  const text = JSON.stringify(tenant("initech"));
  expect(await registry.put("tenant", "initech", text, 0, ADMIN)).toMatchObject({
    kind: "written",
  });
  const { documentText } = await registry.exportAll();
  expect(documentText).toContain(JSON.stringify(OLD_POLICY));
  expect(await registry.importAll(documentText, ADMIN, ANYHOW)).toMatchObject({
    kind: "imported",
    changes: [],
  });
});

it("a catalog from before may change beside its old address, and gets no second one", async () => {
  const registry = await openOldRegistry("old-catalog");
  const later = catalogAt(OLD_ADDRESS, { version: "2" });
  expect(await registry.put("catalog", "catalog", JSON.stringify(later), 1, ADMIN)).toMatchObject({
    kind: "written",
  });
  const worse = catalogAt("https://other:pw@host/v1");
  expect(await registry.put("catalog", "catalog", JSON.stringify(worse), 2, ADMIN)).toMatchObject({
    kind: "faulty",
  });
});
