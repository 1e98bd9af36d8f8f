// What a catalog must not say, beyond what its shape forbids.
import { expect, test } from "vitest";
import { parseCatalog } from "../../../policies/catalog.ts";

function catalogWith(secret: string): object {
  return {
    version: "1",
    upstreams: [{ id: "up", engine: "vllm", baseUrl: "https://engine.example/v1", secret }],
    models: [{ id: "m", upstream: "up", name: "m", contextTokens: 4096, outputTokensMax: 1024 }],
  };
}

test.each(["ADMIN_SECRET", "RELAY_TOKEN"])(
  "the operator's own %s is never an upstream's, which would be sent it",
  (name) => {
    expect(parseCatalog(catalogWith(name))).toEqual({
      kind: "faulty",
      faults: [{ path: "upstreams.0.secret", problem: expect.stringContaining("never sent") }],
    });
    expect(parseCatalog(catalogWith(`${name}_2`)).kind).toBe("parsed");
  },
);

test("writing to a cache has a price of its own only where one is said, and a cancelled call may be billed whole", () => {
  const prices = {
    version: "1",
    inputNanosPerMtok: 3_000_000_000,
    cachedInputNanosPerMtok: 300_000_000,
    outputNanosPerMtok: 15_000_000_000,
  };
  const parse = (more: object, upstream: object = {}) =>
    parseCatalog({
      version: "1",
      upstreams: [{ id: "up", engine: "vllm", baseUrl: "https://e.example/v1", ...upstream }],
      models: [
        {
          id: "m",
          upstream: "up",
          name: "m",
          contextTokens: 4096,
          outputTokensMax: 1024,
          prices: { ...prices, ...more },
        },
      ],
    });
  expect(parse({})).toMatchObject({ kind: "parsed", value: { models: [{ prices }] } });
  expect(parse({ cacheWriteNanosPerMtok: 3_750_000_000 }, { billsCancelled: true })).toMatchObject({
    value: {
      upstreams: [{ billsCancelled: true }],
      models: [{ prices: { cacheWriteNanosPerMtok: 3_750_000_000 } }],
    },
  });
  for (const wrong of [-1, 0.5, 9_000_000_000_001])
    expect(parse({ cacheWriteNanosPerMtok: wrong })).toMatchObject({
      faults: [{ path: "models.0.prices.cacheWriteNanosPerMtok" }],
    });
  expect(parse({}, { billsCancelled: "yes" })).toMatchObject({
    faults: [{ path: "upstreams.0.billsCancelled" }],
  });
});

test("another secret may be", () => {
  expect(parseCatalog(catalogWith("UPSTREAM_API_KEY")).kind).toBe("parsed");
});
