// A write is checked only against what it touches, and by that the verdict is the one that the whole rule would give.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STEPS } from "../../../durable/registry-rows.ts";
import type { Registry } from "../../../durable/registry.ts";
import { parseCatalog } from "../../../policies/catalog.ts";
import type { Parsed } from "../../../policies/parse.ts";
import { parseOrganisation } from "../../../policies/organisation.ts";
import { parsePolicy } from "../../../policies/policy.ts";
import { findLooseEnds } from "../../../policies/references.ts";
import { parseTenant } from "../../../policies/tenant.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  ADMIN,
  catalog,
  configuration,
  fill,
  grouped,
  openRegistry,
  organisation,
  policy,
  tenant,
} from "./registry-samples.ts";

stopClockOfEach();

const MODELS = ["small", "deep", "a/b"];
const POLICIES = ["plain", "spare", "third"];
const ORGANISATIONS = ["holding", "group"];
const ZONES = ["UTC", "Europe/Berlin"];
const TENANTS = ["acme", "globex", "other"];

interface Documents {
  readonly catalog: object;
  readonly policies: ReadonlyMap<string, object>;
  readonly organisations: ReadonlyMap<string, object>;
  readonly tenants: ReadonlyMap<string, object>;
}

type Step =
  | { readonly kind: "catalog"; readonly document: object }
  | {
      readonly kind: "policy" | "organisation" | "tenant";
      readonly id: string;
      readonly document: object | null;
    };

const some = (names: readonly string[], minLength = 0) =>
  fc
    .subarray([...names], { minLength })
    .chain((chosen) => fc.shuffledSubarray(chosen, { minLength: chosen.length }));
/** One that is not there comes seldom, or nothing would ever be taken. */
const one = (names: readonly string[], stranger: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constant(stranger) },
  );
const model = one(MODELS, "gone");
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const policyBody = fc
  .record({
    direct: optional(model),
    short: optional(model),
    long: optional(model),
    fallback: optional(fc.array(model, { maxLength: 2 })),
    isListed: fc.boolean(),
  })
  .map(({ fallback, isListed, ...modes }) => ({
    modes,
    fallback,
    arms: isListed
      ? [
          ...Object.entries(modes).flatMap(([mode, of]) =>
            of === undefined ? [] : [`${of}/${mode}`],
          ),
          "deep/as-sent",
        ]
      : undefined,
  }));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc
      .record({ models: some(MODELS, 1), members: optional(some(TENANTS, 2)) })
      .map(({ models, members }): Step => ({
        kind: "catalog",
        document: members === undefined ? catalog(models) : grouped(catalog(models), members),
      })),
  },
  {
    weight: 3,
    arbitrary: fc
      .record({ id: fc.constantFrom(...POLICIES), body: optional(policyBody) })
      .map(({ id, body }): Step => ({
        kind: "policy",
        id,
        document: body === undefined ? null : policy(id, body),
      })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        id: fc.constantFrom(...ORGANISATIONS),
        isRemoved: fc.boolean(),
        zone: optional(fc.constantFrom(...ZONES)),
      })
      .map(({ id, isRemoved, ...body }): Step => ({
        kind: "organisation",
        id,
        document: isRemoved ? null : organisation(id, body),
      })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        id: fc.constantFrom(...TENANTS),
        isRemoved: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
        policy: one(POLICIES, "gone"),
        policies: optional(some(POLICIES)),
        models: optional(fc.oneof(some(MODELS), fc.constant(["gone"]))),
        organisation: optional(one(ORGANISATIONS, "gone")),
        zone: optional(fc.constantFrom(...ZONES)),
      })
      .map(({ id, isRemoved, ...body }): Step => ({
        kind: "tenant",
        id,
        document: isRemoved ? null : tenant(id, body),
      })),
  },
);

const FIELDS = { policy: "policies", organisation: "organisations", tenant: "tenants" } as const;

/** What would stand after the step. */
function after(before: Documents, of: Step): Documents {
  if (of.kind === "catalog") return { ...before, catalog: of.document };
  const field = FIELDS[of.kind];
  const changed = new Map(before[field]);
  if (of.document === null) changed.delete(of.id);
  else changed.set(of.id, of.document);
  return { ...before, [field]: changed };
}

function parsed<T>(result: Parsed<T>): T {
  if (result.kind === "faulty") throw new Error(JSON.stringify(result.faults));
  return result.value;
}

/** By the whole rule, over everything. */
function faultsOf({ catalog: written, policies, organisations, tenants }: Documents): string[] {
  return findLooseEnds({
    catalog: parsed(parseCatalog(written)),
    policies: [...policies.values()].map((of) => parsed(parsePolicy(of))),
    organisations: [...organisations.values()].map((of) => parsed(parseOrganisation(of))),
    tenants: [...tenants.values()].map((of) => parsed(parseTenant(of))),
    keys: [],
  })
    .map(({ path, problem }) => `${path} ${problem}`)
    .toSorted();
}

async function take(registry: DurableObjectStub<Registry>, of: Step) {
  const id = of.kind === "catalog" ? "catalog" : of.id;
  const seen = (await registry.read(of.kind, id))?.version ?? 0;
  return of.kind === "catalog" || of.document !== null
    ? registry.put(of.kind, id, JSON.stringify(of.document), seen, ADMIN, {
        areSecretsLater: true,
      })
    : registry.remove(of.kind, id, seen, ADMIN);
}

function isSound({ kind, document }: Step): boolean {
  return (
    document === null ||
    kind !== "policy" ||
    parsePolicy(JSON.parse(JSON.stringify(document))).kind === "parsed"
  );
}

function plain<T>(document: T): T {
  return JSON.parse(JSON.stringify(document)) as T;
}

describe("any history of writes", () => {
  it("gets for each the verdict and the faults that a check of everything would give", async () => {
    let run = 0;
    const verdicts = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step.filter(isSound), { minLength: 20, maxLength: 40 }),
        async (steps) => {
          run += 1;
          const registry = openRegistry(`references-${run}`);
          await fill(registry, configuration({ catalog: catalog(MODELS) }));
          let standing: Documents = {
            catalog: catalog(MODELS),
            policies: new Map([policy("plain"), policy("spare")].map((of) => [of.name, of])),
            organisations: new Map(),
            tenants: new Map([tenant("acme"), tenant("globex")].map((of) => [of.id, of])),
          };
          for (const written of plain(steps)) {
            const answer = await take(registry, written);
            if (answer.kind === "stale") continue;
            const changed = after(standing, written);
            const expected = faultsOf(changed);
            const told =
              answer.kind === "faulty"
                ? answer.faults.map(({ path, problem }) => `${path} ${problem}`).toSorted()
                : [];
            expect(told).toEqual(expected);
            if (expected.length === 0) standing = changed;
            const verdict = `${written.kind} ${answer.kind}`;
            verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
          }
        },
      ),
      { numRuns: 40 },
    );
    // Every kind was both taken and refused, or the property proved little.
    expect([...verdicts.keys()].toSorted()).toEqual([
      "catalog faulty",
      "catalog written",
      "organisation faulty",
      "organisation removed",
      "organisation written",
      "policy faulty",
      "policy removed",
      "policy written",
      "tenant faulty",
      "tenant removed",
      "tenant written",
    ]);
  }, 60_000);
});

const MADE_SINCE = [
  "TRIGGER tenant_sharded",
  "TRIGGER tenant_sharded_anew",
  "TABLE tenant_shards",
  "TRIGGER tenant_made",
  "TRIGGER tenant_changed",
  "TABLE tenant_use",
];

describe("a registry from before names were kept apart", () => {
  it("knows when it wakes which tenants name what, and goes on knowing", async () => {
    const registry = openRegistry("references-old");
    const tenants = [
      tenant("acme", { policies: ["spare"], models: ["small"] }),
      tenant("globex", { models: ["small", "deep"] }),
    ];
    await fill(registry, configuration({ tenants }));
    await runInDurableObject(registry, (_, { storage }) => {
      for (const drop of MADE_SINCE) storage.sql.exec(`DROP ${drop}`);
      storage.sql.exec("UPDATE schema SET version = 1");
    });
    await evictDurableObject(registry);

    expect(await pathsOf(registry.remove("policy", "spare", 1, ADMIN))).toEqual([
      "tenant:acme.policies.0",
    ]);
    const without = JSON.stringify(policy("plain", { modes: { long: "deep" } }));
    expect(await pathsOf(registry.put("policy", "plain", without, 1, ADMIN))).toEqual([
      "tenant:acme.policy",
    ]);
    await registry.put("tenant", "acme", JSON.stringify(tenant("acme")), 1, ADMIN);
    expect(await pathsOf(registry.remove("policy", "spare", 1, ADMIN))).toEqual([]);
    expect(
      await runInDurableObject(
        registry,
        (_, { storage }) =>
          storage.sql.exec<{ version: number }>("SELECT version FROM schema").one().version,
      ),
    ).toBe(STEPS.length);
  });
});

describe("a registry from before there were organisations", () => {
  it("keeps every document, its state in KV and its audit, and takes an organisation", async () => {
    const registry = openRegistry("references-older");
    await fill(registry, configuration());
    await registry.remove("tenant", "globex", 1, ADMIN);
    const read = () =>
      runInDurableObject(registry, (_, { storage }) =>
        storage.sql.exec("SELECT * FROM document ORDER BY kind, id").toArray(),
      );
    const before = await runInDurableObject(registry, (_, { storage }) => {
      for (const drop of MADE_SINCE) storage.sql.exec(`DROP ${drop}`);
      const rows = storage.sql.exec("SELECT * FROM document ORDER BY kind, id").toArray();
      storage.sql.exec("DROP TABLE document");
      // As it was made when the object was new.
      const [made = ""] = STEPS[0]?.split("CREATE TABLE audit") ?? [];
      storage.sql.exec(made);
      for (const row of rows)
        storage.sql.exec(
          `INSERT INTO document VALUES (${Object.keys(row)
            .map(() => "?")
            .join(", ")})`,
          ...Object.values(row),
        );
      storage.sql.exec(STEPS[1] ?? "");
      storage.sql.exec("UPDATE schema SET version = 2");
      return rows;
    });
    await evictDurableObject(registry);

    const told = ({ kind, id, version, text }: Record<string, unknown>) => [
      kind,
      id,
      version,
      text,
    ];
    expect((await read()).map(told)).toEqual(before.map(told));
    const holding = JSON.stringify(organisation("holding"));
    expect(await registry.put("organisation", "holding", holding, 0, ADMIN)).toMatchObject({
      kind: "written",
    });
    const member = JSON.stringify(tenant("acme", { organisation: "holding", models: ["small"] }));
    expect(await registry.put("tenant", "acme", member, 1, ADMIN)).toMatchObject({
      kind: "written",
    });
    expect(await pathsOf(registry.remove("organisation", "holding", 1, ADMIN))).toEqual([
      "tenant:acme.organisation",
    ]);
    // The triggers are there again.
    expect(
      await pathsOf(
        registry.put("catalog", "catalog", JSON.stringify(catalog(["deep"])), 1, ADMIN),
      ),
    ).toContain("tenant:acme.models.0");
  });
});

async function pathsOf(
  answer: Promise<{ kind: string; faults?: readonly { path: string }[] }>,
): Promise<readonly string[]> {
  return ((await answer).faults ?? []).map(({ path }) => path);
}
