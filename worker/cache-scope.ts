// Who shares a prefix cache with whom: one secret word for engines that part their caches by one, and one root for the
// keys that the index knows prefixes by. Both are made from the tenant that was authenticated, never from a client's word.
import type { Model, Upstream } from "../policies/catalog.ts";
import { prefixRoot, type Domain, type Root } from "../policies/prefix/keyed-hash.ts";
import { sha256Hex, type Admission } from "./admit.ts";
import { faultOfSecret } from "./bearer.ts";
import { clientSaltOf } from "./upstream/wire/client-salt.ts";
import { promptTexts } from "./upstream/wire/prompt-texts.ts";

export interface CacheScope {
  /** 43 characters that every engine takes: some ended themselves over others (CVE-2026-105756). */
  readonly salt: string;
  /** A relay beside an engine makes the same root of the salt that it sees in the engine's events. */
  rootOf(model: Model, domain: Domain): Root;
}

/** A salt is two waits for the platform's digest; an isolate sees few tenants, and of sessions the last ones come again. */
const SALTS_MAX = 10_000;
/** By the secret's value as well, so that a new one is heeded at once. Never written out. */
const salts = new Map<string, string>();
const encoder = new TextEncoder();
/** Of an upstream without a pool there is no secret: the client never sees the salt and its own is no match for it. */
const NO_SECRET = "sluice";

/** Null where the pool's secret is not set, or short enough to be guessed: what cannot be kept apart is not asked. */
export async function cacheScopeOf(
  { pool }: Pick<Upstream, "pool">,
  { tenant, session, ask }: Pick<Admission, "tenant" | "session" | "ask">,
  secretOf: (name: string) => string | null,
): Promise<CacheScope | null> {
  const secret = pool === undefined ? NO_SECRET : secretOf(pool.secret);
  if (secret === null) return null;
  if (pool !== undefined && faultOfSecret(pool.secret, secret) !== null) return null;
  const epoch = pool?.epoch ?? 0;
  // What a client asks to have apart is apart from its tenant's other prompts, and meets nobody else's.
  const own = clientSaltOf(ask.wire, ask.wireMembers);
  const group = own === null ? await findGroup(pool?.groups ?? [], tenant.id, ask) : null;
  const parts =
    group === null
      ? ["tenant", epoch, tenant.id, pool?.scope === "session" ? session.name : null, own]
      : ["group", epoch, group.name, group.prefixHash];
  const salt = await saltOf(secret, JSON.stringify(parts));
  return {
    salt,
    rootOf: (model, domain) =>
      prefixRoot(encoder.encode(secret), {
        model: model.adapterOf ?? model.name,
        revision: pool?.revision ?? "",
        adapter: model.adapterOf === undefined ? "" : model.name,
        namespace: salt,
        domain,
      }),
  };
}

type Group = NonNullable<Upstream["pool"]>["groups"][number];

/** The first that the tenant is a member of and whose prefix the prompt begins with. */
async function findGroup(
  groups: readonly Group[],
  tenantId: string,
  { wire, wireMembers }: Admission["ask"],
): Promise<Group | null> {
  const open = groups.filter(({ tenants }) => tenants.includes(tenantId));
  if (open.length === 0) return null;
  const text = promptTexts(wire, wireMembers).join("");
  for (const group of open) {
    if (text.length < group.prefixUnits) continue;
    if ((await sha256Hex(text.slice(0, group.prefixUnits))) === group.prefixHash) return group;
  }
  return null;
}

async function saltOf(secret: string, text: string): Promise<string> {
  const name = `${secret}\n${text}`;
  const known = salts.get(name);
  if (known !== undefined) return known;
  const salt = await hmac(secret, text);
  if (salts.size >= SALTS_MAX) salts.clear();
  salts.set(name, salt);
  return salt;
}

/** HMAC-SHA-256 as base64url. */
async function hmac(secret: string, text: string): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, [
    "sign",
  ]);
  const signed = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(text)));
  return btoa(String.fromCharCode(...signed))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
