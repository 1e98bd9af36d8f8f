// A restart brings what is new in the seeds and leaves what an operator made of them.
import { expect, it } from "vitest";
import type { Composed } from "../../../../worker/cli/documents.ts";
import { mergeSeeds } from "../../../../worker/cli/merge-seeds.ts";

const HASH = "a".repeat(64);

function seeds(changes: Partial<Composed> = {}, baseUrl = "http://127.0.0.1:1/v1"): Composed {
  return {
    format: "sluice-configuration-2",
    catalog: { version: "1", upstreams: [{ id: "simulator", baseUrl }], models: [{ id: "small" }] },
    policies: [{ name: "plain", lambda: 0.1 }],
    organisations: [{ id: "holding" }],
    tenants: [{ id: "demo", policy: "plain" }],
    keys: [{ hash: HASH, key: { id: "demo-1", tenant: "demo" } }],
    ...changes,
  };
}

const last = seeds();
const moved = seeds({}, "http://127.0.0.1:2/v1");

it("follows the seeds where nobody changed anything", () => {
  const brought = { ...moved, policies: [{ name: "plain", lambda: 0.2 }, { name: "fresh" }] };
  expect(mergeSeeds({ brought, last, standing: last })).toEqual(brought);
});

it("keeps what an operator changed, added and removed", () => {
  const standing = seeds({
    policies: [{ name: "plain", lambda: 0.9 }, { name: "own" }],
    organisations: [{ id: "holding", zone: "Asia/Tokyo" }, { id: "other" }],
    tenants: [{ id: "acme", policy: "own" }],
    keys: [{ hash: HASH, key: { id: "demo-1", tenant: "demo", revokedAtMs: 1 } }],
  });
  const merged = mergeSeeds({ brought: moved, last, standing });
  expect(merged).toEqual({ ...standing, catalog: moved.catalog });
});

it("goes on from a start of before there were organisations", () => {
  const { organisations: _, ...before } = last;
  const standing = seeds({ organisations: [] });
  const merged = mergeSeeds({ brought: moved, last: before as Composed, standing });
  expect(merged).toEqual(moved);
});

it("moves the simulator's upstream in an operator's catalog, and nothing else of it", () => {
  const catalog = {
    version: "2",
    upstreams: [
      { id: "simulator", baseUrl: "http://127.0.0.1:1/v1", breaker: { failures: 9 } },
      { id: "other", baseUrl: "http://127.0.0.1:9/v1" },
    ],
    models: [{ id: "small", strength: 3 }, { id: "big" }],
  };
  const merged = mergeSeeds({ brought: moved, last, standing: seeds({ catalog }) });
  expect(merged.catalog).toEqual({
    ...catalog,
    upstreams: [
      { id: "simulator", baseUrl: "http://127.0.0.1:2/v1", breaker: { failures: 9 } },
      catalog.upstreams[1],
    ],
  });
});

it("leaves an upstream where the operator pointed it", () => {
  const catalog = {
    version: "2",
    upstreams: [{ id: "simulator", baseUrl: "http://gpu/v1" }],
    models: [],
  };
  const merged = mergeSeeds({ brought: moved, last, standing: seeds({ catalog }) });
  expect(merged.catalog).toMatchObject({ upstreams: [{ baseUrl: "http://gpu/v1" }] });
});

it("brings the upstream and the model of another mode into an operator's catalog", () => {
  const own = {
    version: "2",
    upstreams: [{ id: "simulator", baseUrl: "u" }],
    models: [{ id: "small" }],
  };
  const brought = seeds({
    catalog: {
      version: "one",
      upstreams: [{ id: "upstream", baseUrl: "v" }],
      models: [{ id: "m" }],
    },
  });
  const merged = mergeSeeds({ brought, last, standing: seeds({ catalog: own }) });
  expect(merged.catalog).toEqual({
    version: "2",
    upstreams: [...own.upstreams, { id: "upstream", baseUrl: "v" }],
    models: [...own.models, { id: "m" }],
  });
});

it("takes all that stands for an operator's when it is not known what was brought last", () => {
  const standing = seeds({ policies: [{ name: "plain", lambda: 0.9 }] });
  const merged = mergeSeeds({ brought: moved, last: null, standing });
  expect(merged.policies).toEqual(standing.policies);
  expect(merged.catalog).toEqual(standing.catalog);
});

it("brings a new demo key, and none for a tenant that is gone", () => {
  const brought = seeds({
    keys: [{ hash: "b".repeat(64), key: { id: "demo-2", tenant: "demo" } }],
  });
  const gone = seeds({ tenants: [] });
  expect(mergeSeeds({ brought, last, standing: last }).keys).toHaveLength(2);
  expect(mergeSeeds({ brought, last, standing: gone }).keys).toHaveLength(1);
});
