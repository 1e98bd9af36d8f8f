// A pool's groups name tenants, who share what they cache: each of them stands, from the catalog's first day to its last.
import { expect, it } from "vitest";
import { stopClockOfEach } from "./a-clock.ts";
import { ADMIN, catalog, configuration, fill, grouped, openRegistry } from "./registry-samples.ts";

stopClockOfEach();

const LATER = { areSecretsLater: true };
const textOf = (members: readonly string[]): string => JSON.stringify(grouped(catalog(), members));
const missed = (at: number, id: string) => ({
  kind: "faulty",
  faults: [
    {
      path: `catalog.upstreams.0.pool.groups.0.tenants.${at}`,
      problem: `no tenant is called "${id}"`,
    },
  ],
});

it("a catalog whose group names a tenant that there is none of is refused, and one whose members stand is not", async () => {
  const registry = openRegistry("groups-put");
  await fill(registry, configuration());
  expect(
    await registry.put("catalog", "catalog", textOf(["acme", "gone"]), 1, ADMIN, LATER),
  ).toEqual(missed(1, "gone"));
  expect(
    await registry.put("catalog", "catalog", textOf(["acme", "globex"]), 1, ADMIN, LATER),
  ).toMatchObject({ kind: "written", version: 2 });
});

it("a tenant stays while a group names it, and goes when none does", async () => {
  const registry = openRegistry("groups-remove");
  await fill(registry, configuration());
  await registry.put("catalog", "catalog", textOf(["acme", "globex"]), 1, ADMIN, LATER);
  expect(await registry.remove("tenant", "globex", 1, ADMIN)).toEqual(missed(1, "globex"));
  await registry.put("catalog", "catalog", JSON.stringify(catalog()), 2, ADMIN);
  expect(await registry.remove("tenant", "globex", 1, ADMIN)).toMatchObject({ kind: "removed" });
  expect(
    await registry.put("catalog", "catalog", textOf(["acme", "globex"]), 3, ADMIN, LATER),
  ).toEqual(missed(1, "globex"));
});
