// What an operator writes: compared, checked alone and against everything else, versioned and audited.
import { runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RegistryBook } from "../../../durable/registry-book.ts";
import { CONFIGURATION_CHARS_MAX, faultsOfSize } from "../../../durable/registry-documents.ts";
import type { Registry } from "../../../durable/registry.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  ADMIN,
  catalog,
  configuration,
  environmentOf,
  fill,
  hash,
  openRegistry,
  policy,
  tenant,
} from "./registry-samples.ts";

// A real alarm that comes while the file's worker is taken down can keep it from ending.
stopClockOfEach();

/** Everything the registry keeps but the times of publication, to tell that nothing was written. */
function dump(registry: DurableObjectStub<Registry>): Promise<string> {
  return runInDurableObject(registry, (_, { storage }) =>
    JSON.stringify([
      storage.sql.exec("SELECT kind, id, version, text FROM document ORDER BY kind, id").toArray(),
      storage.sql.exec("SELECT * FROM audit ORDER BY seq").toArray(),
      storage.sql.exec("SELECT * FROM revocation").toArray(),
    ]),
  );
}

describe("a write", () => {
  it("is kept with the next version and an audit line of who, before and after", async () => {
    const registry = openRegistry("write");
    await fill(registry);
    const text = JSON.stringify(policy("plain", { lambda: 0.5 }));
    const answer = await registry.put("policy", "plain", text, 1, ADMIN);
    expect(answer).toEqual({ kind: "written", version: 2, documentText: text });
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
  });

  it("keeps what the operator wrote, without layout and without defaults", async () => {
    const registry = openRegistry("layout");
    await fill(registry);
    const written = JSON.stringify(policy("new"), null, 2);
    const answer = await registry.put("policy", "new", written, 0, ADMIN);
    expect(answer).toMatchObject({ documentText: JSON.stringify(policy("new")) });
  });

  it("is refused when the version is stale, and nothing is kept of it", async () => {
    const registry = openRegistry("stale");
    await fill(registry);
    const before = await dump(registry);
    const text = JSON.stringify(policy("plain", { lambda: 0.5 }));
    for (const version of [0, 2, -1, 1.5]) {
      expect(await registry.put("policy", "plain", text, version, ADMIN)).toEqual({
        kind: "stale",
        version: 1,
      });
    }
    expect(await registry.put("policy", "new", text, 1, ADMIN)).toEqual({
      kind: "stale",
      version: 0,
    });
    expect(await registry.remove("policy", "spare", 2, ADMIN)).toEqual({
      kind: "stale",
      version: 1,
    });
    expect(await registry.remove("policy", "nobody", 0, ADMIN)).toEqual({
      kind: "stale",
      version: 0,
    });
    expect(await dump(registry)).toBe(before);
  });

  it("wins once among any number of admins who saw the same version", async () => {
    const registry = openRegistry("two-admins");
    await fill(registry);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 12 }), async (admins) => {
        const seen = (await registry.read("policy", "plain"))?.version ?? 0;
        const answers = await Promise.all(
          Array.from({ length: admins }, (_, admin) =>
            registry.put(
              "policy",
              "plain",
              JSON.stringify(policy("plain", { version: `${seen}-${admin}` })),
              seen,
              `admin-${admin}`,
            ),
          ),
        );
        const winners = answers.flatMap(({ kind }, admin) => (kind === "written" ? [admin] : []));
        expect(winners).toHaveLength(1);
        expect(answers.filter(({ kind }) => kind === "stale")).toHaveLength(admins - 1);
        expect((await registry.read("policy", "plain"))?.documentText).toContain(
          `"${seen}-${winners[0]}"`,
        );
        expect((await registry.audit(seen, 200)).at(-1)?.actor).toBe(`admin-${winners[0]}`);
      }),
      { numRuns: 20 },
    );
  });

  it("goes on counting versions where a document was removed, so that no old version comes back", async () => {
    const registry = openRegistry("tombstone");
    await fill(registry);
    expect(await registry.remove("policy", "spare", 1, ADMIN)).toEqual({
      kind: "removed",
      version: 2,
    });
    expect(await registry.read("policy", "spare")).toBeNull();
    const text = JSON.stringify(policy("spare"));
    expect(await registry.put("policy", "spare", text, 1, ADMIN)).toMatchObject({ kind: "stale" });
    expect(await registry.put("policy", "spare", text, 0, ADMIN)).toMatchObject({ version: 3 });
  });

  it("is only checked in a dry run", async () => {
    const registry = openRegistry("dry");
    await fill(registry);
    const before = await dump(registry);
    const dry = { isDryRun: true };
    const text = JSON.stringify(policy("spare", { lambda: 0.5 }));
    expect(await registry.put("policy", "spare", text, 1, ADMIN, dry)).toEqual({
      kind: "valid",
      version: 2,
      documentText: text,
    });
    expect(await registry.remove("policy", "spare", 1, ADMIN, dry)).toEqual({
      kind: "valid",
      version: 2,
    });
    expect(await registry.put("policy", "spare", "{}", 1, ADMIN, dry)).toMatchObject({
      kind: "faulty",
    });
    expect(await dump(registry)).toBe(before);
  });
});

describe("a document with faults", () => {
  it.each<[string, Parameters<Registry["put"]>, string]>([
    ["is not JSON", ["policy", "plain", "{", 1, ADMIN], ""],
    ["has an unknown field", ["policy", "plain", '{"nmae":1}', 1, ADMIN], "name"],
    [
      "is filed under another name",
      ["policy", "plain", JSON.stringify(policy("other")), 1, ADMIN],
      "name",
    ],
    [
      "is filed as another tenant",
      ["tenant", "acme", JSON.stringify(tenant("globex")), 1, ADMIN],
      "id",
    ],
    ["is a second catalog", ["catalog", "other", JSON.stringify(catalog()), 0, ADMIN], "id"],
    [
      "drops a model in use",
      ["catalog", "catalog", JSON.stringify(catalog(["small"])), 1, ADMIN],
      "policy:plain.modes.long",
    ],
    [
      "binds a model that there is not",
      ["policy", "plain", JSON.stringify(policy("plain", { fallback: ["gone"] })), 1, ADMIN],
      "policy:plain.fallback.0",
    ],
    [
      "names a policy that there is not",
      ["tenant", "acme", JSON.stringify(tenant("acme", { policy: "gone" })), 1, ADMIN],
      "tenant:acme.policy",
    ],
    [
      "leaves a tenant nothing to run on",
      ["tenant", "acme", JSON.stringify(tenant("acme", { models: [] })), 1, ADMIN],
      "tenant:acme.policy",
    ],
    [
      "is too large",
      [
        "tenant",
        "acme",
        JSON.stringify(tenant("acme", { policies: Array(60).fill("x".repeat(16_000)) })),
        1,
        ADMIN,
      ],
      "",
    ],
  ])("is refused when it %s, and what stood stays", async (title, call, path) => {
    const registry = openRegistry(`faulty ${title}`);
    await fill(registry);
    const before = await dump(registry);
    const answer = await registry.put(...call);
    if (answer.kind !== "faulty") throw new Error(`It was taken: ${JSON.stringify(answer)}`);
    expect(answer.faults.map((fault) => fault.path)).toContain(path);
    expect(await dump(registry)).toBe(before);
  });

  it("is refused when it would lock every tenant out, and each of them is named", async () => {
    const registry = openRegistry("lock-out");
    const tenants = ["acme", "globex"].map((id) => tenant(id, { models: ["small"] }));
    await fill(registry, configuration({ tenants }));
    const text = JSON.stringify(policy("plain", { modes: { long: "deep" } }));
    const answer = await registry.put("policy", "plain", text, 1, ADMIN);
    expect(answer).toMatchObject({
      kind: "faulty",
      faults: [{ path: "tenant:acme.policy" }, { path: "tenant:globex.policy" }],
    });
    expect(await registry.read("policy", "plain")).toMatchObject({ version: 1 });
    const rescued = JSON.stringify(
      policy("plain", { modes: { long: "deep" }, fallback: ["small"] }),
    );
    expect(await registry.put("policy", "plain", rescued, 1, ADMIN)).toMatchObject({ version: 2 });
  });

  it("is refused when it names a secret that is not set, unless secrets come later", async () => {
    const registry = openRegistry("secrets");
    await fill(registry);
    const text = JSON.stringify(catalog(["small", "deep"], "ENGINE_KEY"));
    const refused = await registry.put("catalog", "catalog", text, 1, ADMIN);
    expect(refused).toMatchObject({
      kind: "faulty",
      faults: [{ path: "catalog.upstreams.0.secret" }],
    });
    expect(await registry.read("catalog", "catalog")).toMatchObject({ version: 1 });
    // A binding is not a secret, although the environment has one of that name.
    const binding = JSON.stringify(catalog(["small", "deep"], "LEDGER"));
    expect(await registry.put("catalog", "catalog", binding, 1, ADMIN)).toMatchObject({
      kind: "faulty",
    });
    const later = { areSecretsLater: true };
    expect(await registry.put("catalog", "catalog", text, 1, ADMIN, later)).toMatchObject({
      version: 2,
    });
    Reflect.set(await environmentOf(registry), "ENGINE_KEY", "set");
    expect(await registry.put("catalog", "catalog", text, 2, ADMIN)).toMatchObject({ version: 3 });
  });

  it("cannot be made by removing what another needs", async () => {
    const registry = openRegistry("in-use");
    await fill(registry);
    await registry.createKey({ id: "k1", hash: hash(1), tenant: "acme" }, ADMIN);
    expect(await registry.remove("policy", "plain", 1, ADMIN)).toMatchObject({
      faults: [{ path: "tenant:acme.policy" }, { path: "tenant:globex.policy" }],
    });
    expect(await registry.remove("tenant", "acme", 1, ADMIN)).toMatchObject({
      faults: [{ path: "key:k1.tenant" }],
    });
    expect(await registry.remove("catalog", "catalog", 1, ADMIN)).toMatchObject({
      kind: "faulty",
    });
    expect(await registry.remove("tenant", "globex", 1, ADMIN)).toMatchObject({ kind: "removed" });
    await registry.revokeKey("k1", ADMIN);
    expect(await registry.remove("tenant", "acme", 1, ADMIN)).toMatchObject({ kind: "removed" });
    expect(await registry.remove("policy", "plain", 1, ADMIN)).toMatchObject({ kind: "removed" });
  });

  it("is refused in an empty registry, where nothing that it names stands", async () => {
    const registry = openRegistry("empty");
    expect(
      await registry.put("policy", "plain", JSON.stringify(policy("plain")), 0, ADMIN),
    ).toMatchObject({ kind: "faulty" });
    expect(await registry.exportAll()).toMatchObject({ revision: 0 });
    expect(await registry.list("policy", "", 10)).toEqual({ documents: [], next: null });
  });
});

describe("the bounds", () => {
  it("end a page of the audit sooner when its lines are long, and none is left out", async () => {
    const registry = openRegistry("long-lines");
    await fill(registry);
    const models = [
      "small",
      "deep",
      ...Array.from({ length: 1000 }, (_, index) => `${index}-${"x".repeat(120)}`),
    ];
    for (let version = 1; version <= 8; version += 1) {
      const text = JSON.stringify({ ...catalog(models), version: String(version) });
      const answer = await registry.put("catalog", "catalog", text, version, ADMIN);
      expect(answer).toMatchObject({ kind: "written" });
    }
    const seqs: number[] = [];
    let pages = 0;
    for (;;) {
      const lines = await registry.audit(seqs.at(-1) ?? 0, 200);
      if (lines.length === 0) break;
      seqs.push(...lines.map(({ seq }) => seq));
      pages += 1;
    }
    expect(seqs).toEqual(Array.from({ length: 5 + 8 }, (_, index) => index + 1));
    expect(pages).toBeGreaterThan(1);
  });

  it("keep the whole configuration small enough to be exported", () => {
    const book = (chars: number) => ({ charsInAll: () => chars }) as RegistryBook;
    expect(faultsOfSize(book(CONFIGURATION_CHARS_MAX - 5), 5)).toEqual([]);
    expect(faultsOfSize(book(CONFIGURATION_CHARS_MAX - 5), 6)).toHaveLength(1);
    // What is too large already may still shrink.
    expect(faultsOfSize(book(CONFIGURATION_CHARS_MAX + 5), -1)).toEqual([]);
  });
});

describe("a list", () => {
  it("is paged by id without leaving any out", async () => {
    const registry = openRegistry("pages");
    const names = Array.from({ length: 25 }, (_, index) => `p${String(index).padStart(2, "0")}`);
    await fill(
      registry,
      configuration({ policies: [policy("plain"), ...names.map((name) => policy(name))] }),
    );
    const seen: string[] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: Awaited<ReturnType<typeof registry.list>> = await registry.list(
        "policy",
        after,
        10,
      );
      expect(page.documents.length).toBeLessThanOrEqual(10);
      seen.push(...page.documents.map(({ id }) => id));
      after = page.next;
    }
    expect(seen).toEqual([...names, "plain"].toSorted());
  });

  it("of a tenant's keys holds no other tenant's", async () => {
    const registry = openRegistry("key-pages");
    await fill(registry);
    for (const [index, of] of ["acme", "globex", "acme", "acme"].entries()) {
      await registry.createKey({ id: `k${index}`, hash: hash(9 - index), tenant: of }, ADMIN);
    }
    const first = await registry.listKeys("acme", "", 2);
    expect(first.documents.map(({ id }) => id)).toEqual([hash(9), hash(7)]);
    expect(first.next).toBe("k2");
    expect((await registry.listKeys("acme", "k2", 2)).documents.map(({ id }) => id)).toEqual([
      hash(6),
    ]);
    expect((await registry.list("key", "", 10)).documents).toHaveLength(4);
  });
});
