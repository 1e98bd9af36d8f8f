// What documents say of each other: every name that one uses another must define, and what a tenant may use must
// leave it something to run. Each fault's path begins with the document that would break, so it names who is in use.
import type { Catalog } from "./catalog.ts";
import { MODES, parseArm } from "./mode.ts";
import type { Organisation } from "./organisation.ts";
import { faultAt, type Fault } from "./parse.ts";
import { allowsArm, type Policy } from "./policy.ts";
import type { Key, Tenant } from "./tenant.ts";

/** Documents that stand together. A check of one change may leave out what the change cannot break. */
export interface Configuration {
  readonly catalog: Catalog | null;
  readonly policies: readonly Policy[];
  readonly organisations: readonly Organisation[];
  readonly tenants: readonly Tenant[];
  /** Only keys that still open something: a dead one may outlive its tenant. */
  readonly keys: readonly Key[];
}

/** What a tenant may name. */
export interface Definitions {
  /** The catalog's. */
  readonly models: ReadonlySet<string>;
  /** Null when none is called so. */
  readonly policyOf: (name: string) => Policy | null;
  readonly organisationOf: (id: string) => Organisation | null;
}

/** A list of faults is for reading; a catalog that breaks everything says so in the first hundred. */
export const FAULTS_MAX = 100;

export function findLooseEnds(of: Configuration): Fault[] {
  const { catalog, policies, organisations, tenants, keys } = of;
  const policiesByName = new Map(policies.map((policy) => [policy.name, policy]));
  const organisationsById = new Map(organisations.map((one) => [one.id, one]));
  const definitions: Definitions = {
    models: new Set(catalog?.models.map(({ id }) => id)),
    policyOf: (name) => policiesByName.get(name) ?? null,
    organisationOf: (id) => organisationsById.get(id) ?? null,
  };
  const tenantIds = new Set(tenants.map(({ id }) => id));
  return [
    ...policies.flatMap((policy) => findLooseEndsOfPolicy(policy, definitions.models)),
    ...tenants.flatMap((tenant) => findLooseEndsOfTenant(tenant, definitions)),
    ...keys.flatMap((key) => findLooseEndsOfKey(key, tenantIds)),
    ...(catalog === null ? [] : findLooseEndsOfGroups(catalog, tenantIds)),
  ];
}

/** Upstreams whose secret nobody has set: every call to them would fail. */
export function findUnsetSecrets(
  catalog: Catalog,
  isSecretSet: (name: string) => boolean,
): Fault[] {
  return catalog.upstreams.flatMap(({ id, secret, pool }, index) =>
    [
      { name: secret, at: "secret", needs: `upstream "${id}"` },
      { name: pool?.secret, at: "pool.secret", needs: `the pool of "${id}"` },
    ].flatMap(({ name, at, needs }) =>
      name === undefined || isSecretSet(name)
        ? []
        : [
            faultAt(
              `catalog.upstreams.${index}.${at}`,
              `no secret is called "${name}", which ${needs} needs; set it first`,
            ),
          ],
    ),
  );
}

/** At most `FAULTS_MAX`, and how many more there are. */
export function cutFaults(faults: readonly Fault[]): readonly Fault[] {
  if (faults.length <= FAULTS_MAX) return faults;
  const more = faults.length - FAULTS_MAX;
  return [...faults.slice(0, FAULTS_MAX), faultAt("", `and ${more} faults more`)];
}

/** `models` are the catalog's. */
export function findLooseEndsOfPolicy(policy: Policy, models: ReadonlySet<string>): Fault[] {
  const path = `policy:${policy.name}`;
  return [
    ...MODES.flatMap((mode) => {
      const model = policy.modes[mode];
      return model === undefined ? [] : missing(models, "model", model, `${path}.modes.${mode}`);
    }),
    ...policy.fallback.flatMap((model, index) =>
      missing(models, "model", model, `${path}.fallback.${index}`),
    ),
    ...(policy.arms ?? []).flatMap((name, index) =>
      missing(models, "model", parseArm(name)?.model ?? name, `${path}.arms.${index}`),
    ),
  ];
}

export function findLooseEndsOfTenant(
  tenant: Tenant,
  { models, policyOf, organisationOf }: Definitions,
): Fault[] {
  const path = `tenant:${tenant.id}`;
  const named = [
    { name: tenant.policy, at: `${path}.policy` },
    ...tenant.policies.map((name, index) => ({ name, at: `${path}.policies.${index}` })),
  ].map(({ name, at }) => ({ name, at, policy: policyOf(name) }));
  return [
    ...named.flatMap(({ name, at, policy }) =>
      policy === null ? [absent("policy", name, at)] : [],
    ),
    ...(tenant.models ?? []).flatMap((model, index) =>
      missing(models, "model", model, `${path}.models.${index}`),
    ),
    ...named.flatMap(({ name, at, policy }) =>
      policy === null || leavesAnArm(policy, tenant) ? [] : [lockedOut(at, name)],
    ),
    ...findLooseEndsOfMembership(tenant, organisationOf),
  ];
}

/** One window must be the same stretch of time for all who spend from it. */
export function findLooseEndsOfMembership(
  { id, organisation, zone }: Tenant,
  organisationOf: Definitions["organisationOf"],
): Fault[] {
  if (organisation === undefined) return [];
  const found = organisationOf(organisation);
  if (found === null) return [absent("organisation", organisation, `tenant:${id}.organisation`)];
  if (found.zone === zone) return [];
  const problem = `must be "${found.zone}", as its organisation "${organisation}" has it`;
  return [faultAt(`tenant:${id}.zone`, problem)];
}

/** `tenants` are the ids of those that stand. */
export function findLooseEndsOfKey(key: Key, tenants: ReadonlySet<string>): Fault[] {
  return missing(tenants, "tenant", key.tenant, `key:${key.id}.tenant`);
}

/** A member that does not exist is a name that was misspelled, or one that whoever gets it later would share by. */
export function findLooseEndsOfGroups(
  { upstreams }: Catalog,
  tenants: { has(id: string): boolean },
): Fault[] {
  return upstreams.flatMap(({ pool }, upstream) =>
    (pool?.groups ?? []).flatMap((group, at) =>
      group.tenants.flatMap((tenant, index) => {
        const path = `catalog.upstreams.${upstream}.pool.groups.${at}.tenants.${index}`;
        return missing(tenants, "tenant", tenant, path);
      }),
    ),
  );
}

/** As the choice sees it: a mode runs on its model, or on a stand-in when the tenant may not use that one. */
function leavesAnArm(policy: Policy, { models }: Tenant): boolean {
  if (models === undefined) return true;
  return MODES.some((mode) => {
    const bound = policy.modes[mode];
    return (
      bound !== undefined &&
      [bound, ...policy.fallback].some(
        (model) => models.includes(model) && allowsArm(policy, { model, mode }),
      )
    );
  });
}

function lockedOut(path: string, policy: string): Fault {
  return faultAt(
    path,
    `"${policy}" runs on no model that the tenant may use, which would lock it out`,
  );
}

function missing(
  names: { has(name: string): boolean },
  kind: string,
  name: string,
  path: string,
): Fault[] {
  return names.has(name) ? [] : [absent(kind, name, path)];
}

function absent(kind: string, name: string, path: string): Fault {
  return faultAt(path, `no ${kind} is called "${name}"`);
}
