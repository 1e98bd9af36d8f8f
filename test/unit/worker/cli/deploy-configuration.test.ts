// The configuration that is deployed: the committed one, with an account's ids.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "smol-toml";
import { readCommitted, writeConfiguration } from "../../../../worker/cli/deploy/configuration.ts";

const ID = "0123456789abcdef0123456789abcdef";
const toml = readFileSync(join(import.meta.dirname, "../../../../wrangler.toml"), "utf8");

it("takes the committed id for the placeholder that it is", () => {
  expect(readCommitted(toml)).toEqual({
    workerName: "sluice",
    binding: "CONFIGURATION",
    namespaceId: null,
  });
});

it("believes an id that an operator wrote", () => {
  const own = toml.replace('id = "configuration"', `id = "${ID}"`);
  expect(readCommitted(own).namespaceId).toBe(ID);
});

it("changes the ids and nothing else", () => {
  const { main, kv_namespaces, ...rest } = parse(toml);
  expect([main, kv_namespaces]).toEqual([
    "worker/index.ts",
    [{ binding: "CONFIGURATION", id: "configuration" }],
  ]);
  const deployed = { folder: "/srv/sluice", namespaceId: ID, secretNames: ["ADMIN_SECRET"] };
  expect(JSON.parse(writeConfiguration(toml, deployed))).toEqual({
    ...rest,
    main: "/srv/sluice/worker/index.ts",
    kv_namespaces: [{ binding: "CONFIGURATION", id: ID }],
    secrets: { required: ["ADMIN_SECRET"] },
  });
});
