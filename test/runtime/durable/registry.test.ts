// What an operator writes: compared, checked alone and against everything else, versioned and audited.
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ADMIN,
  catalog,
  configuration,
  fill,
  openRegistry,
  policy,
  settle,
  tenant,
} from "./registry-samples.ts";

describe("a write", () => {
  it("is kept with a version, an audit line and a copy in KV", async () => {
    const registry = openRegistry("write");
    await fill(registry);
    const text = JSON.stringify(policy("plain", { lambda: 0.5 }));
    expect(await registry.put("policy", "plain", text, 1, ADMIN)).toEqual({
      kind: "written",
      version: 2,
      documentText: text,
    });
    expect(await registry.read("policy", "plain")).toMatchObject({
      version: 2,
      documentText: text,
    });
    expect((await registry.audit(0, 100)).at(-1)).toMatchObject({
      actor: ADMIN,
      kind: "policy",
      id: "plain",
      version: 2,
      before: JSON.stringify(policy("plain")),
      after: text,
    });
    await settle(registry);
    expect(await env.CONFIGURATION.get("policy:plain")).toBe(text);
  });
});
