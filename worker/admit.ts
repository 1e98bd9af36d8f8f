// Who asks, for whom, under which policy, and for what: the key to a tenant, the body to an ask, or a failure.
import type { ScopeLimits } from "../policies/account.ts";
import type { Catalog } from "../policies/catalog.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import { ledgerName, shardScopes } from "../policies/ledger/shard.ts";
import { isMode, MODES, type Mode } from "../policies/mode.ts";
import type { Organisation } from "../policies/organisation.ts";
import type { Policy } from "../policies/policy.ts";
import { isLive, mayUse, type Scope, type Tenant } from "../policies/tenant.ts";
import type { Configuration } from "./configuration.ts";
import type { Ask, Dialect } from "./dialect/dialect.ts";
import { invalidField, notConfigured, type Failure } from "./failure.ts";
import { readBody } from "./request-body.ts";
import { readScopes } from "./scopes.ts";
import type { Patience } from "./stream/patience.ts";

/** Room for a long context with a few images as base64, and small beside an isolate's 128 MB. */
export const BODY_BYTES_MAX = 10 * 1024 * 1024;

/** Longer session names are cut by hashing anyway; this only bounds what is read. */
const SESSION_CHARS_MAX = 1024;

/** Where clients put a conversation's name. Read when it is there, never required. */
const SESSION_HEADERS = [
  "x-sluice-session",
  "x-claude-code-session-id",
  "session-id",
  "session_id",
  "thread-id",
  "x-session-id",
  "x-session-affinity",
];

export interface Caller {
  readonly tenant: Tenant;
  readonly keyId: string;
  readonly keyLimits: readonly Limit[];
  /** Where its calls are held, by name. */
  readonly ledger: string;
  readonly catalog: Catalog;
}

export interface Admission extends Caller {
  readonly kind: "admitted";
  readonly policy: Policy;
  readonly ask: Ask;
  /** What the caller asked for by name; null where Sluice chooses. */
  readonly asked: { readonly mode: Mode | null; readonly model: string | null };
  /** Names the conversation, inside its tenant. */
  readonly session: { readonly name: string; readonly isNamed: boolean };
  /** Who pays, from the widest to the narrowest. */
  readonly scopes: readonly ScopeLimits[];
  /** The caller would rather be refused than answered for less. */
  readonly isStrict: boolean;
  readonly wantsExplanation: boolean;
}

type Refused = { readonly kind: "refused"; readonly failure: Failure };

/** What an authenticated caller asks for. */
export async function admit(
  request: Request,
  dialect: Dialect,
  caller: Caller,
  configuration: Configuration,
  patience: Patience,
): Promise<Admission | Refused> {
  const [policy, organisation] = await Promise.all([
    pickPolicy(request, caller.tenant, configuration),
    findOrganisation(caller.tenant, configuration),
  ]);
  if ("failure" in policy) return policy;
  if (organisation !== null && "failure" in organisation) return organisation;
  const isStrict = readStrictness(request);
  if (typeof isStrict !== "boolean") return isStrict;
  const body = await readBody(request, BODY_BYTES_MAX, patience);
  if (typeof body !== "string") return refuse(body);
  const read = dialect.read(body);
  if (read.kind !== "read") return refuse(read);
  const asked = readAsked(request, read.ask.model, caller);
  if ("failure" in asked) return asked;
  const scopes = readScopes(request.headers, { ...caller, organisation }, read.ask.user);
  if ("problem" in scopes) return refuse({ kind: "invalid-field", ...scopes });
  return {
    ...caller,
    kind: "admitted",
    policy,
    ask: read.ask,
    asked,
    session: sessionOf(request, read.ask),
    scopes: shardScopes(scopes, caller.tenant.id, caller.tenant.shards),
    isStrict,
    wantsExplanation: request.headers.get("x-sluice-explain") === "1",
  };
}

/** The key's tenant and the catalog. Keys are looked up by hash, so no comparison tells how near a guess was. */
export async function authenticate(
  request: Request,
  configuration: Configuration,
  nowMs: number,
  scope: Scope = "inference",
): Promise<({ readonly kind: "authenticated" } & Caller) | Refused> {
  const secret =
    /^Bearer\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ??
    request.headers.get("x-api-key");
  if (secret === null || secret === undefined || secret === "")
    return refuse({ kind: "key-missing" });
  const key = await configuration.key(await hashOf(secret));
  if (key === null || !isLive(key, nowMs)) return refuse({ kind: "key-unknown" });
  if (!mayUse(key, scope)) return refuse({ kind: "key-scope", scope });
  const [tenant, catalog] = await Promise.all([
    configuration.tenant(key.tenant),
    configuration.catalog(),
  ]);
  // A document under another's name would spend that other's budget.
  if (tenant !== null && tenant.id !== key.tenant)
    return refuse(notConfigured("this key's tenant is stored under another's name"));
  if (tenant === null) return refuse(notConfigured("this key's tenant is missing"));
  if (catalog === null) return refuse(notConfigured("there is no catalog"));
  return {
    kind: "authenticated",
    tenant,
    keyId: key.id,
    keyLimits: key.limits,
    ledger: ledgerName(tenant.id, key.id, tenant.shards),
    catalog,
  };
}

/** Models that a tenant may name, in the catalog's order. */
export function modelsOf(caller: Pick<Caller, "tenant" | "catalog">): string[] {
  const { models } = caller.tenant;
  return caller.catalog.models
    .map(({ id }) => id)
    .filter((id) => models === undefined || models.includes(id));
}

export async function pickPolicy(
  request: Request,
  tenant: Tenant,
  configuration: Configuration,
): Promise<Policy | Refused> {
  const asked = request.headers.get("x-sluice-policy");
  const allowed = [tenant.policy, ...tenant.policies];
  if (asked !== null && !allowed.includes(asked)) {
    return refuse(invalidField("x-sluice-policy", `must be one of ${allowed.join(", ")}`));
  }
  const policy = await configuration.policy(asked ?? tenant.policy);
  return policy ?? refuse(notConfigured(`the policy "${asked ?? tenant.policy}" is missing`));
}

/** An organisation that cannot be found has limits that nobody knows, so nothing is spent under it. */
async function findOrganisation(
  { organisation: id }: Tenant,
  configuration: Configuration,
): Promise<Organisation | null | Refused> {
  if (id === undefined) return null;
  const what = "the organisation of this key's tenant is missing";
  return (await configuration.organisation(id)) ?? refuse(notConfigured(what));
}

/** What to do when a budget runs short. */
function readStrictness(request: Request): boolean | Refused {
  const header = request.headers.get("x-sluice-budget");
  if (header === null || header === "degrade") return false;
  return header === "strict"
    ? true
    : refuse(invalidField("x-sluice-budget", "must be strict or degrade"));
}

function readAsked(request: Request, model: string, caller: Caller): Admission["asked"] | Refused {
  const header = request.headers.get("x-sluice-mode");
  if (header !== null && header !== "auto" && !isMode(header)) {
    return refuse(invalidField("x-sluice-mode", `must be one of auto, ${MODES.join(", ")}`));
  }
  const mode = header !== null && isMode(header) ? header : null;
  if (model === "auto") return { mode, model: null };
  if (model.startsWith("auto:")) {
    const named = model.slice("auto:".length);
    return isMode(named)
      ? { mode: mode ?? named, model: null }
      : refuse({ kind: "model-unknown", model });
  }
  return modelsOf(caller).includes(model)
    ? { mode, model }
    : refuse({ kind: "model-unknown", model });
}

function sessionOf(request: Request, ask: Ask): Admission["session"] {
  for (const name of SESSION_HEADERS) {
    const value = request.headers.get(name);
    if (value !== null && value !== "")
      return { name: `named ${value.slice(0, SESSION_CHARS_MAX)}`, isNamed: true };
  }
  return { name: `seed ${ask.conversationSeed}`, isNamed: false };
}

/**
 * A digest costs the runtime a twentieth of a small request, so an isolate keeps those of the secrets that came of late.
 * It has them in memory anyway while their requests run; nothing else of it is kept, and the map is never written out.
 */
const HASHES_MAX = 1000;
const hashes = new Map<string, string>();

async function hashOf(secret: string): Promise<string> {
  const known = hashes.get(secret);
  if (known !== undefined) return known;
  const hash = await sha256Hex(secret);
  if (hashes.size >= HASHES_MAX) hashes.clear();
  if (secret.length <= SECRET_CHARS_MAX) hashes.set(secret, hash);
  return hash;
}

/** Ours are shorter; a longer one is somebody's try, and is not kept. */
const SECRET_CHARS_MAX = 128;

export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function refuse(failure: Failure): Refused {
  return { kind: "refused", failure };
}
