// A write is checked only against what it touches, and by that the verdict is the one that the whole rule would give.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STEPS } from "../../../durable/registry-rows.ts";
import type { Registry } from "../../../durable/registry.ts";
import { parseCatalog } from "../../../policies/catalog.ts";
import type { Parsed } from "../../../policies/parse.ts";
import { parsePolicy } from "../../../policies/policy.ts";
import { findLooseEnds } from "../../../policies/references.ts";
import { parseTenant } from "../../../policies/tenant.ts";
import { stopClock } from "./ledger-samples.ts";
import {
  ADMIN,
  catalog,
  configuration,
  fill,
  openRegistry,
  policy,
  tenant,
} from "./registry-samples.ts";

beforeEach(() => {
  stopClock();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const MODELS = ["small", "deep", "a/b"];
const POLICIES = ["plain", "spare", "third"];
const TENANTS = ["acme", "globex", "other"];

interface Documents {
  readonly catalog: object;
  readonly policies: ReadonlyMap<string, object>;
  readonly tenants: ReadonlyMap<string, object>;
}

type Step =
  | { readonly kind: "catalog"; readonly document: object }
  | { readonly kind: "policy" | "tenant"; readonly id: string; readonly document: object | null };

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
    arbitrary: some(MODELS, 1).map((models): Step => ({
      kind: "catalog",
      document: catalog(models),
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
    weight: 4,
    arbitrary: fc
      .record({
        id: fc.constantFrom(...TENANTS),
        isRemoved: fc.integer({ min: 0, max: 5 }).map((chance) => chance === 0),
        policy: one(POLICIES, "gone"),
        policies: optional(some(POLICIES)),
        models: optional(fc.oneof(some(MODELS), fc.constant(["gone"]))),
      })
      .map(({ id, isRemoved, ...body }): Step => ({
        kind: "tenant",
        id,
        document: isRemoved ? null : tenant(id, body),
      })),
  },
);

/** What would stand after the step. */
function after(before: Documents, of: Step): Documents {
  if (of.kind === "catalog") return { ...before, catalog: of.document };
  const field = of.kind === "policy" ? "policies" : "tenants";
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
function faultsOf({ catalog: written, policies, tenants }: Documents): string[] {
  return findLooseEnds({
    catalog: parsed(parseCatalog(written)),
    policies: [...policies.values()].map((of) => parsed(parsePolicy(of))),
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
    ? registry.put(of.kind, id, JSON.stringify(of.document), seen, ADMIN)
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
      "policy faulty",
      "policy removed",
      "policy written",
      "tenant faulty",
      "tenant removed",
      "tenant written",
    ]);
  }, 60_000);
});

describe("a registry from before names were kept apart", () => {
  it("knows when it wakes which tenants name what, and goes on knowing", async () => {
    const registry = openRegistry("references-old");
    const tenants = [
      tenant("acme", { policies: ["spare"], models: ["small"] }),
      tenant("globex", { models: ["small", "deep"] }),
    ];
    await fill(registry, configuration({ tenants }));
    await runInDurableObject(registry, (_, { storage }) => {
      for (const drop of ["TRIGGER tenant_made", "TRIGGER tenant_changed", "TABLE tenant_use"])
        storage.sql.exec(`DROP ${drop}`);
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

async function pathsOf(
  answer: Promise<{ kind: string; faults?: readonly { path: string }[] }>,
): Promise<readonly string[]> {
  return ((await answer).faults ?? []).map(({ path }) => path);
}
