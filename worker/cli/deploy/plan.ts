// What a deploy has to do, or why it must not: decided from what stands in the account and what was given, before
// anything is touched. Pure, so that every refusal and every step can be shown without an account.
import type { Catalog } from "../../../policies/catalog.ts";
import { OPENING_CHARS_MIN, secretsNeeded, type SecretNeeded } from "../secret-names.ts";

const ADMIN_SECRET = "ADMIN_SECRET";

export interface Account {
  readonly id: string;
  readonly name: string;
}

/** What the account holds now. */
export type Standing =
  | { readonly kind: "signed-out" }
  /** More than one, and nothing says which. */
  | { readonly kind: "several-accounts"; readonly accounts: readonly Account[] }
  | Seen;

export interface Seen {
  readonly kind: "seen";
  readonly namespaceId: string | null;
  /** Null while there is no Worker of that name. */
  readonly secretNames: readonly string[] | null;
  /** The catalog in force; null while the gateway has no configuration. */
  readonly catalog: Catalog | null;
}

export interface Given {
  readonly workerName: string;
  readonly namespaceTitle: string;
  /** What a gateway without a configuration is seeded with. */
  readonly catalog: Catalog;
  /** Those that the environment of this command holds, each with its length. */
  readonly secretChars: ReadonlyMap<string, number>;
}

export type Step =
  | { readonly kind: "namespace-keep"; readonly title: string; readonly id: string }
  | { readonly kind: "namespace-create"; readonly title: string }
  | { readonly kind: "secrets-keep"; readonly names: readonly string[] }
  /** Goes up with the code, so that no version ever runs without them. */
  | { readonly kind: "secrets-set"; readonly names: readonly string[] }
  | { readonly kind: "upload"; readonly workerName: string; readonly isFirst: boolean }
  | { readonly kind: "configuration-keep" }
  | { readonly kind: "seed" }
  | { readonly kind: "smoke-test" };

export interface Refusal {
  readonly problem: string;
  /** What to do about it; where one will do, a command to paste. */
  readonly remedy: string;
}

export type Plan =
  | { readonly kind: "refused"; readonly refusals: readonly Refusal[] }
  | { readonly kind: "planned"; readonly steps: readonly Step[] };

export function planDeployment(standing: Standing, given: Given): Plan {
  if (standing.kind === "signed-out") {
    return refuse({
      problem: "No Cloudflare account is signed in.",
      remedy: "npx wrangler login, or set CLOUDFLARE_API_TOKEN",
    });
  }
  if (standing.kind === "several-accounts") {
    const names = standing.accounts.map(({ id, name }) => `${id} (${name})`).join(", ");
    return refuse({
      problem: `The login reaches several accounts: ${names}.`,
      remedy: "export CLOUDFLARE_ACCOUNT_ID=<one of them>",
    });
  }

  const refusals = findRefusals(standing, given);
  return refusals.length > 0
    ? { kind: "refused", refusals }
    : { kind: "planned", steps: stepsTo(standing, given) };
}

/** Everything that speaks against it, not only the first. */
export function findRefusals(standing: Seen, given: Given): readonly Refusal[] {
  const set = new Set(standing.secretNames);
  return [
    ...secretsNeeded(catalogOf(standing, given)).flatMap((secret) =>
      refuseUnset(secret, set, given),
    ),
    ...(standing.catalog === null ? refuseSeeding(set, given) : []),
  ];
}

/** What there is to do when nothing speaks against it. */
export function stepsTo(standing: Seen, given: Given): readonly Step[] {
  const set = new Set(standing.secretNames);
  const names = secretsNeeded(catalogOf(standing, given)).map(({ name }) => name);
  const kept = names.filter((name) => set.has(name));
  const added = names.filter((name) => !set.has(name));
  return [
    standing.namespaceId === null
      ? { kind: "namespace-create", title: given.namespaceTitle }
      : { kind: "namespace-keep", title: given.namespaceTitle, id: standing.namespaceId },
    ...(kept.length > 0 ? [{ kind: "secrets-keep" as const, names: kept }] : []),
    ...(added.length > 0 ? [{ kind: "secrets-set" as const, names: added }] : []),
    { kind: "upload", workerName: given.workerName, isFirst: standing.secretNames === null },
    standing.catalog === null ? { kind: "seed" } : { kind: "configuration-keep" },
    { kind: "smoke-test" },
  ];
}

/** The secrets that the steps leave the Worker with, of those that it needs. */
export function secretNamesIn(steps: readonly Step[]): readonly string[] {
  return steps.flatMap((step) =>
    step.kind === "secrets-keep" || step.kind === "secrets-set" ? step.names : [],
  );
}

function catalogOf(standing: Seen, given: Given): Catalog {
  return standing.catalog ?? given.catalog;
}

export function sayStep(step: Step): string {
  switch (step.kind) {
    case "namespace-keep":
      return `keep the KV namespace ${step.title} (${step.id})`;
    case "namespace-create":
      return `create the KV namespace ${step.title}`;
    case "secrets-keep":
      return `keep the secrets ${step.names.join(", ")}`;
    case "secrets-set":
      return `set the secrets ${step.names.join(", ")}`;
    case "upload":
      return `${step.isFirst ? "create" : "deploy a new version of"} the Worker ${step.workerName}`;
    case "configuration-keep":
      return "keep the configuration that is in force";
    case "seed":
      return "seed catalog, policies and tenants, with a first key";
    case "smoke-test":
      return "smoke-test the address";
  }
}

function refuseUnset(
  { name, use, opens }: SecretNeeded,
  set: ReadonlySet<string>,
  { secretChars, workerName }: Given,
): Refusal[] {
  if (set.has(name)) return [];
  const chars = secretChars.get(name);
  const remedy = `export ${name}="$(openssl rand -hex 32)", and keep it`;
  if (chars === undefined) {
    return [
      {
        problem: `The secret ${name}, which ${use}, is not set.`,
        remedy:
          opens === null
            ? `npx wrangler secret put ${name} --name ${workerName}, or give ${name} to this command once`
            : remedy,
      },
    ];
  }
  if (opens !== null && chars < OPENING_CHARS_MIN) {
    const problem = `${name} has ${chars} characters, and ${opens} stays off with less than ${OPENING_CHARS_MIN}.`;
    return [{ problem, remedy }];
  }
  return [];
}

/** What only seeding needs; a gateway that is configured is never refused for it. */
function refuseSeeding(
  set: ReadonlySet<string>,
  { secretChars, workerName, catalog }: Given,
): Refusal[] {
  const refusals: Refusal[] = [];
  if (set.has(ADMIN_SECRET) && !secretChars.has(ADMIN_SECRET)) {
    refusals.push({
      problem: "ADMIN_SECRET is set at the Worker, but not here, and seeding has to send it.",
      remedy: `give it to this command; if it is lost: npx wrangler secret put ADMIN_SECRET --name ${workerName}`,
    });
  }
  for (const { id, baseUrl } of catalog.upstreams) {
    if (isPrivate(baseUrl)) {
      refusals.push({
        problem: `Upstream "${id}" is at ${baseUrl}, which Cloudflare cannot reach.`,
        remedy:
          "set UPSTREAM_BASE_URL, UPSTREAM_MODEL and UPSTREAM_API_KEY, or name your documents with --documents FOLDER",
      });
    }
  }
  return refusals;
}

/** Addresses that mean something only on one machine or in one network. */
const PRIVATE_HOST =
  /^(localhost|.*\.(localhost|local|internal|lan)|0\.0\.0\.0|127\..*|10\..*|192\.168\..*|169\.254\..*|172\.(1[6-9]|2\d|3[01])\..*|\[(::1?|f[cd].*|fe[89ab].*)\])$/;

function isPrivate(baseUrl: string): boolean {
  if (!URL.canParse(baseUrl)) return false;
  const { hostname } = new URL(baseUrl);
  // A name without a dot is one that only a local resolver knows.
  return PRIVATE_HOST.test(hostname) || !/[.:]/.test(hostname);
}

function refuse(refusal: Refusal): Plan {
  return { kind: "refused", refusals: [refusal] };
}
