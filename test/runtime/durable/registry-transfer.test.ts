// The whole configuration out and in again as one document: whole or nothing, and no dead key comes back to life.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { Registry } from "../../../durable/registry.ts";
import type { ImportOptions } from "../../../policies/administration.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { holdRequest, openLedger } from "./ledger-samples.ts";
import {
  ADMIN,
  catalog,
  configuration,
  fill,
  hash,
  openRegistry,
  organisation,
  policy,
  tenant,
} from "./registry-samples.ts";

// A real alarm that comes while the file's worker is taken down can keep it from ending.
stopClockOfEach();

const ANYHOW: ImportOptions = { expectedRevision: null };

function documentsOf(registry: DurableObjectStub<Registry>): Promise<string> {
  return runInDurableObject(registry, (_, { storage }) =>
    JSON.stringify(
      storage.sql.exec("SELECT kind, id, version, text FROM document ORDER BY kind, id").toArray(),
    ),
  );
}

const key = (number: number, changes: object = {}) => ({
  hash: hash(number),
  key: { id: `import-${number}`, tenant: "acme", ...changes },
});

describe("an export", () => {
  it("says, imported again, that nothing changes", async () => {
    const registry = openRegistry("round");
    await fill(registry, configuration({ keys: [key(1), key(2, { revokedAtMs: 5 }), key(3)] }));
    await registry.rotateKey("import-3", { id: "new", hash: hash(4), overlapMs: 1000 }, ADMIN);
    await registry.revokeKey("import-1", ADMIN);
    const { documentText, revision } = await registry.exportAll();
    const options = { expectedRevision: revision };
    expect(await registry.importAll(documentText, ADMIN, options)).toEqual({
      kind: "imported",
      revision,
      changes: [],
    });
    const elsewhere = openRegistry("elsewhere");
    await fill(elsewhere, documentText);
    expect((await elsewhere.exportAll()).documentText).toBe(documentText);
  });

  it("of an empty registry is not a configuration", async () => {
    const registry = openRegistry("nothing");
    const { documentText } = await registry.exportAll();
    expect(await registry.importAll(documentText, ADMIN, ANYHOW)).toMatchObject({
      kind: "faulty",
      faults: [{ path: "catalog" }],
    });
  });
});

describe("an import", () => {
  it("takes the place of everything, and says what it does to each document", async () => {
    const registry = openRegistry("replace");
    const old = { organisations: [organisation("holding"), organisation("group")] };
    await fill(registry, configuration({ ...old, keys: [key(1)] }));
    const text = configuration({
      organisations: [organisation("holding", { zone: "Asia/Tokyo" }), organisation("new")],
      policies: [policy("plain", { lambda: 0.5 }), policy("new")],
      tenants: [tenant("acme")],
    });
    const changes = [
      { kind: "policy", id: "plain", change: "update" },
      { kind: "policy", id: "new", change: "create" },
      { kind: "organisation", id: "holding", change: "update" },
      { kind: "organisation", id: "new", change: "create" },
      { kind: "key", id: hash(1), change: "revoke" },
      { kind: "policy", id: "spare", change: "remove" },
      { kind: "organisation", id: "group", change: "remove" },
      { kind: "tenant", id: "globex", change: "remove" },
    ];
    const before = await documentsOf(registry);
    const { revision } = await registry.exportAll();
    const dry = { expectedRevision: revision, isDryRun: true };
    expect(await registry.importAll(text, ADMIN, dry)).toEqual({
      kind: "valid",
      revision,
      changes,
    });
    expect(await documentsOf(registry)).toBe(before);
    expect(await registry.importAll(text, ADMIN, { expectedRevision: revision })).toEqual({
      kind: "imported",
      revision: revision + changes.length,
      changes,
    });
    expect(await registry.read("policy", "spare")).toBeNull();
    expect(await registry.audit(revision, 100)).toHaveLength(changes.length);
  });

  it("moves an organisation and its tenants to another calendar together", async () => {
    const registry = openRegistry("moved");
    const at = (zone: string) =>
      configuration({
        organisations: [organisation("holding", { zone })],
        tenants: [tenant("acme", { organisation: "holding", zone }), tenant("globex")],
      });
    await fill(registry, at("Europe/Berlin"));
    const moved = JSON.stringify(organisation("holding", { zone: "Asia/Tokyo" }));
    expect(await registry.put("organisation", "holding", moved, 1, ADMIN)).toEqual({
      kind: "faulty",
      faults: [
        {
          path: "tenant:acme.zone",
          problem: 'must be "Asia/Tokyo", as its organisation "holding" has it',
        },
      ],
    });
    await fill(registry, at("Asia/Tokyo"));
    expect(await registry.find("organisation:holding")).toMatchObject({ version: 2 });
  });

  it("is refused when somebody wrote since it was looked at", async () => {
    const registry = openRegistry("overtaken");
    await fill(registry);
    const { documentText, revision } = await registry.exportAll();
    await registry.remove("policy", "spare", 1, "another admin");
    const before = await documentsOf(registry);
    expect(await registry.importAll(documentText, ADMIN, { expectedRevision: revision })).toEqual({
      kind: "stale",
      revision: revision + 1,
    });
    expect(await documentsOf(registry)).toBe(before);
  });

  it.each<[string, string, string]>([
    ["that is half", configuration({ tenants: undefined }), "tenants"],
    ["that stops in the middle", configuration().slice(0, 300), ""],
    [
      "with a fault in one document",
      configuration({ policies: [policy("Plain")] }),
      "policies.0.name",
    ],
    [
      "whose documents do not fit together",
      configuration({ policies: [policy("spare")] }),
      "tenant:acme.policy",
    ],
    [
      "with a key for nobody",
      configuration({ keys: [key(7, { tenant: "nobody" })] }),
      "key:import-7.tenant",
    ],
    [
      "that needs a secret",
      configuration({ catalog: catalog(["small", "deep"], "UNSET") }),
      "catalog.upstreams.0.secret",
    ],
    [
      "that gives a key's name to another secret",
      configuration({ keys: [{ ...key(1), hash: hash(9) }] }),
      "keys.0.key.id",
    ],
    [
      "that moves a key to another tenant",
      configuration({ keys: [key(1, { tenant: "globex" })] }),
      "keys.0.hash",
    ],
  ])("%s is refused, and all that stood stays", async (title, text, path) => {
    const registry = openRegistry(`import ${title}`);
    await fill(registry, configuration({ keys: [key(1)] }));
    const before = await documentsOf(registry);
    const answer = await registry.importAll(text, ADMIN, ANYHOW);
    if (answer.kind !== "faulty") throw new Error(`It was taken: ${JSON.stringify(answer)}`);
    expect(answer.faults.map((fault) => fault.path)).toContain(path);
    expect(await documentsOf(registry)).toBe(before);
  });

  it("takes a catalog whose secrets come later when it is told so", async () => {
    const registry = openRegistry("later");
    const text = configuration({ catalog: catalog(["small", "deep"], "UNSET") });
    expect(
      await registry.importAll(text, ADMIN, { ...ANYHOW, areSecretsLater: true }),
    ).toMatchObject({ kind: "imported" });
  });

  it("does not revive a revoked key, nor lengthen one that was shortened", async () => {
    const registry = openRegistry("revive");
    await fill(registry, configuration({ keys: [key(1), key(2)] }));
    const { documentText } = await registry.exportAll();
    await registry.revokeKey("import-1", ADMIN);
    const rotation = { id: "import-3", hash: hash(3), overlapMs: 60_000 };
    await registry.rotateKey("import-2", rotation, ADMIN);
    const revoked = await registry.readKey("import-1");
    const shortened = await registry.readKey("import-2");
    await registry.importAll(documentText, ADMIN, ANYHOW);
    expect((await registry.readKey("import-1"))?.documentText).toBe(revoked?.documentText);
    expect((await registry.readKey("import-2"))?.documentText).toBe(shortened?.documentText);
    // The document was made before there was a third, so it knows nothing of it.
    expect((await registry.readKey("import-3"))?.documentText).toContain("revokedAtMs");
  });

  it("tells ledgers of the keys that it revokes or leaves out", async () => {
    const registry = openRegistry("told");
    const tenants = [tenant("told")];
    const keys = [1, 2, 3].map((number) => key(number, { id: `told-${number}`, tenant: "told" }));
    await fill(registry, configuration({ tenants, keys }));
    await fill(
      registry,
      configuration({
        tenants,
        keys: [keys[0], key(2, { id: "told-2", tenant: "told", revokedAtMs: 7 })],
      }),
    );
    await expect.poll(async () => (await registry.publication()).unconfirmedCount).toBe(0);
    const kinds = await Promise.all(
      [1, 2, 3].map(async (number) => {
        const request = holdRequest(`call-${number}`, { keyId: `told-${number}` });
        return (await openLedger("told").hold(request)).kind;
      }),
    );
    expect(kinds).toEqual(["held", "revoked", "revoked"]);
  });
});
