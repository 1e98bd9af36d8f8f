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

test("the operator's own secret is never an upstream's, which would be sent it", () => {
  expect(parseCatalog(catalogWith("ADMIN_SECRET"))).toEqual({
    kind: "faulty",
    faults: [{ path: "upstreams.0.secret", problem: expect.stringContaining("never sent") }],
  });
});

test("another secret may be", () => {
  expect(parseCatalog(catalogWith("UPSTREAM_API_KEY")).kind).toBe("parsed");
});
