// What a start makes of seeds when the registry holds something already: what nobody changed since it was seeded follows
// the seeds, what an operator changed, added or removed stays. Pure, on documents in the form of an export.
import type { Composed } from "./documents.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface Seeds {
  /** What this start brings. */
  readonly brought: Composed;
  /** What the last start brought; null when that is not known. */
  readonly last: Composed | null;
  readonly standing: Composed;
}

export function mergeSeeds({ brought, last, standing }: Seeds): Composed {
  const tenants = mergeList("id", brought.tenants, last?.tenants ?? [], standing.tenants);
  const isTenant = (key: unknown) =>
    tenants.some((tenant) => (tenant as Fields)["id"] === (key as Fields)["tenant"]);
  // A key is never written over: it is known by its hash, and a dead one stays dead.
  const known = new Set([...standing.keys, ...(last?.keys ?? [])].map(({ hash }) => hash));
  return {
    format: brought.format,
    catalog: isSame(standing.catalog, last?.catalog)
      ? brought.catalog
      : mergeCatalog(
          brought.catalog as Fields,
          (last?.catalog ?? {}) as Fields,
          standing.catalog as Fields,
        ),
    policies: mergeList("name", brought.policies, last?.policies ?? [], standing.policies),
    organisations: mergeList(
      "id",
      brought.organisations,
      // What the last start kept may be from before there were any.
      (last as Partial<Composed> | null)?.organisations ?? [],
      standing.organisations,
    ),
    tenants,
    keys: [
      ...standing.keys,
      ...brought.keys.filter(({ hash, key }) => !known.has(hash) && isTenant(key)),
    ],
  };
}

/** An operator's catalog: only what this start brings anew comes in, and an upstream that it moved follows. */
function mergeCatalog(brought: Fields, last: Fields, standing: Fields): Fields {
  const list = (of: Fields, name: string) => (of[name] ?? []) as readonly unknown[];
  const upstreams = mergeList(
    "id",
    list(brought, "upstreams"),
    list(last, "upstreams"),
    list(standing, "upstreams"),
  );
  const addresses = (of: Fields) =>
    new Map(
      list(of, "upstreams").map((entry) => [(entry as Fields)["id"], (entry as Fields)["baseUrl"]]),
    );
  const [from, to] = [addresses(last), addresses(brought)];
  return {
    ...standing,
    upstreams: upstreams.map((entry) => {
      const { id, baseUrl } = entry as Fields;
      return to.has(id) && baseUrl === from.get(id)
        ? { ...(entry as Fields), baseUrl: to.get(id) }
        : entry;
    }),
    models: mergeList(
      "id",
      list(brought, "models"),
      list(last, "models"),
      list(standing, "models"),
    ),
  };
}

function mergeList(
  field: "id" | "name",
  brought: readonly unknown[],
  last: readonly unknown[],
  standing: readonly unknown[],
): readonly unknown[] {
  const byName = (list: readonly unknown[]) =>
    new Map(list.map((entry) => [(entry as Fields)[field], entry]));
  const [news, olds, stands] = [byName(brought), byName(last), byName(standing)];
  return [
    ...[...stands].map(([name, entry]) =>
      news.has(name) && isSame(entry, olds.get(name)) ? news.get(name) : entry,
    ),
    ...[...news].flatMap(([name, entry]) => (stands.has(name) || olds.has(name) ? [] : [entry])),
  ];
}

/** Documents keep the order of their fields wherever they go, so their texts can be compared. */
function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
