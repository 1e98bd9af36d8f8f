// The whole configuration as one document: whole, or refused with every fault's path.
import { describe, expect, it } from "vitest";
import {
  parseConfigurationDocument,
  writeConfigurationDocument,
} from "../../../policies/configuration-document.ts";

const HASH = "a".repeat(64);
const whole = {
  format: "sluice-configuration-2",
  catalog: {
    version: "1",
    upstreams: [{ id: "engine", engine: "vllm", baseUrl: "http://127.0.0.1:1/v1" }],
    models: [
      { id: "small", upstream: "engine", name: "s", contextTokens: 4096, outputTokensMax: 64 },
    ],
  },
  policies: [{ name: "plain", version: "1", modes: { short: "small" } }],
  organisations: [{ id: "holding" }],
  tenants: [{ id: "acme", name: "Acme", policy: "plain", organisation: "holding" }],
  keys: [{ hash: HASH, key: { id: "k1", tenant: "acme" } }],
};

function faultsOf(document: unknown): string[] {
  const parsed = parseConfigurationDocument(document);
  return parsed.kind === "parsed"
    ? []
    : parsed.faults.map(({ path, problem }) => `${path} ${problem}`);
}

describe("a configuration document", () => {
  it("is read as it was written, without the defaults that parsing adds", () => {
    const parsed = parseConfigurationDocument(whole);
    if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
    const { catalog, policies, organisations, tenants, keys } = parsed.value;
    const text = writeConfigurationDocument({
      catalog: catalog.text,
      policies: policies.map((policy) => policy.text),
      organisations: organisations.map((organisation) => organisation.text),
      tenants: tenants.map((tenant) => tenant.text),
      keys,
    });
    expect(JSON.parse(text)).toEqual(whole);
    expect(policies[0]?.value.lambda).toBe(0.2);
  });

  it("of before there were organisations has none, and says so by its format", () => {
    const { organisations: _, ...rest } = whole;
    const parsed = parseConfigurationDocument({ ...rest, format: "sluice-configuration-1" });
    expect(parsed).toMatchObject({ kind: "parsed", value: { organisations: [] } });
    expect(faultsOf({ ...whole, format: "sluice-configuration-1" })).toEqual([
      " has unknown fields: organisations",
    ]);
    expect(faultsOf(rest)).toEqual(["organisations is missing; give an array"]);
    expect(faultsOf({ ...whole, format: "sluice-configuration-3" })).toHaveLength(1);
  });

  it.each(["format", "catalog", "policies", "organisations", "tenants", "keys"])(
    "is half without %s",
    (section) => {
      const { [section as keyof typeof whole]: _, ...half } = whole;
      expect(faultsOf(half).join()).toContain(section);
      expect(faultsOf(half)).toHaveLength(1);
    },
  );

  it("tells every fault of every document, with the section and the place", () => {
    const faults = faultsOf({
      ...whole,
      catalog: { ...whole.catalog, models: [] },
      policies: [whole.policies[0], { name: "bad", version: "1", modes: {} }],
      organisations: [{ id: "holding", zone: "Nowhere" }],
      tenants: [{ id: "Acme", name: "", policy: "plain" }],
      keys: [{ hash: HASH, key: { id: "k1" } }],
    });
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual([
      "catalog.models",
      "policies.1.modes",
      "organisations.0.zone",
      "tenants.0.id",
      "tenants.0.name",
      "keys.0.key.tenant",
    ]);
  });

  it.each([
    ["policies", { policies: [whole.policies[0], whole.policies[0]] }, "policies.1.name"],
    [
      "organisations",
      { organisations: [whole.organisations[0], whole.organisations[0]] },
      "organisations.1.id",
    ],
    ["tenants", { tenants: [whole.tenants[0], whole.tenants[0]] }, "tenants.1.id"],
    [
      "keys of one id",
      { keys: [whole.keys[0], { hash: "b".repeat(64), key: { id: "k1", tenant: "acme" } }] },
      "keys.1.key.id",
    ],
    [
      "keys of one secret",
      { keys: [whole.keys[0], { hash: HASH, key: { id: "k2", tenant: "acme" } }] },
      "keys.1.hash",
    ],
  ])("does not hold two %s", (_, changes, path) => {
    expect(faultsOf({ ...whole, ...changes })).toEqual([expect.stringContaining(path)]);
  });

  it("holds no secret where a hash belongs", () => {
    const keys = [{ hash: "sk-sluice-secret", key: { id: "k1", tenant: "acme" } }];
    expect(faultsOf({ ...whole, keys })).toEqual([expect.stringContaining("keys.0.hash")]);
  });

  it.each([null, 7, "text", [], {}])("is not %j", (document) => {
    expect(faultsOf(document)).not.toEqual([]);
  });
});
