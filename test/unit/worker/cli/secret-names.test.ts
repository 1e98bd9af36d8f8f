// Which pools a start warns of: those whose secret is missing or could be guessed.
import { expect, it } from "vitest";
import { parseCatalog } from "../../../../policies/catalog.ts";
import { findClosedPools } from "../../../../worker/cli/secret-names.ts";

const replica = { capacityTokens: 1_000_000, prefillTokensPerSecond: 10_000 };

function upstreamsOf(pool: object) {
  const parsed = parseCatalog({
    version: "1",
    upstreams: [{ id: "chat", engine: "vllm", baseUrl: "http://10.0.0.1/v1", ...pool }],
    models: [
      {
        id: "m",
        upstream: "chat",
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

const POOLED = upstreamsOf({
  pool: { secret: "POOL_KEY", replicas: [{ ...replica, id: "a", baseUrl: "http://10.0.0.1/v1" }] },
});

it.each([
  ["is not set", {}],
  ["is not set", { POOL_KEY: "" }],
  ["has 31 characters", { POOL_KEY: "k".repeat(31) }],
])("a pool whose secret %s is told of, with its name and never its value", (problem, secrets) => {
  const [warning, ...more] = findClosedPools(POOLED, secrets);
  expect(warning).toContain(`The secret POOL_KEY, which the pool of "chat" needs, ${problem}`);
  expect(warning).not.toContain("kkk");
  expect(more).toEqual([]);
});

it("a pool whose secret is long enough, or an upstream without a pool, is not", () => {
  expect(findClosedPools(POOLED, { POOL_KEY: "k".repeat(32) })).toEqual([]);
  expect(findClosedPools(upstreamsOf({}), {})).toEqual([]);
});
