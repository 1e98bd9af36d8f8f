// A tenant's keys: made at random and shown once, rotated with an overlap, revoked for good. None of it needs a version:
// keys are never written over, and every step goes one way.
import { limitFaults } from "../../policies/ledger/limit.ts";
import { faultAt, parseWith } from "../../policies/parse.ts";
import { isLive, parseKey } from "../../policies/tenant.ts";
import { sha256Hex } from "../admit.ts";
import { askRegistry } from "./ask.ts";
import { answer, showStored } from "./document-routes.ts";
import { findTenant, missing } from "./find.ts";
import { isPublishedSoon } from "./published-soon.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";
import { keyOrder, rotation, type KeyOrderBody, type RotationBody } from "./bodies.ts";

const SECRET_PREFIX = "sk-sluice-";
/** 32 characters of 6 bits: as much as a guess could never try. */
const SECRET_BYTES = 24;
/** Told apart among all keys that were ever made; the registry refuses one that is taken. */
const KEY_ID_BYTES = 9;
const ORDER_BYTES_MAX = 16_384;

export const KEY_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/keys",
    name: "listKeys",
    query: ["after", "limit"],
    run: async ({ ids, after, limit, deps }) => {
      const tenant = ids["id"] ?? "";
      const page = await askRegistry(deps, (registry) => registry.listKeys(tenant, after, limit));
      if (page.documents.length === 0) {
        const found = await findTenant(tenant, deps);
        if ("kind" in found) return found;
      }
      return answer({ object: "list", data: page.documents.map(showStored), next: page.next });
    },
  },
  {
    method: "POST",
    path: "/tenants/{id}/keys",
    name: "createKey",
    query: ["dry_run"],
    bodyBytesMax: ORDER_BYTES_MAX,
    run: createKey,
  },
  {
    method: "GET",
    path: "/keys/{id}",
    name: "readKey",
    run: async ({ ids, deps }) => {
      const id = ids["id"] ?? "";
      const stored = await askRegistry(deps, (registry) => registry.readKey(id));
      if (stored === null) return missing("key", id);
      return answer(showStored(stored), stored.version);
    },
  },
  {
    method: "POST",
    path: "/keys/{id}/rotate",
    name: "rotateKey",
    query: ["dry_run"],
    bodyBytesMax: ORDER_BYTES_MAX,
    run: rotateKey,
  },
  {
    method: "DELETE",
    path: "/keys/{id}",
    name: "revokeKey",
    query: ["dry_run"],
    run: revokeKey,
  },
];

async function createKey(call: Call): Promise<Answered | Refusal> {
  const { ids, actor, deps, isDryRun } = call;
  const tenant = ids["id"] ?? "";
  const parsed = parseWith<KeyOrderBody>(keyOrder, JSON.parse(call.bodyText));
  if (parsed.kind === "faulty") return parsed;
  const found = await findTenant(tenant, deps);
  if ("kind" in found) return found;
  const { name, scopes, limits, expires_at_ms: expiresAtMs } = parsed.value;
  const faults = limitFaults(limits, "limits");
  if (faults.length > 0) return { kind: "faulty", faults };
  if (expiresAtMs !== undefined && expiresAtMs <= deps.now())
    return faulty("expires_at_ms", "is not in the future");
  if (isDryRun) return answer(NOTHING_MADE);
  const { id, secret } = makeKey();
  const hash = await sha256Hex(secret);
  const created = await askRegistry(deps, (registry) =>
    registry.createKey(
      {
        id,
        hash,
        tenant,
        ...(name === undefined ? {} : { name }),
        ...(scopes === undefined ? {} : { scopes }),
        ...(limits.length === 0 ? {} : { limits }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      },
      actor,
    ),
  );
  if (created.kind === "faulty") return asOrdered(created);
  const document: unknown = JSON.parse(created.documentText);
  return made({ object: "key", id, secret, dry_run: false, document });
}

async function rotateKey(call: Call): Promise<Answered | Refusal> {
  const { ids, actor, deps, isDryRun } = call;
  const oldId = ids["id"] ?? "";
  const parsed = parseWith<RotationBody>(rotation, JSON.parse(call.bodyText));
  if (parsed.kind === "faulty") return parsed;
  const { overlap_ms: overlapMs, limits } = parsed.value;
  const faults = limitFaults(limits ?? [], "limits");
  if (faults.length > 0) return { kind: "faulty", faults };
  const stored = await askRegistry(deps, (registry) => registry.readKey(oldId));
  if (stored === null) return missing("key", oldId);
  if (isDryRun) {
    const key = parseKey(JSON.parse(stored.documentText));
    return key.kind === "parsed" && isLive(key.value, deps.now())
      ? answer(NOTHING_MADE)
      : faulty("id", "is revoked or expired; create another key instead");
  }
  const { id, secret } = makeKey();
  const hash = await sha256Hex(secret);
  const rotated = await askRegistry(deps, (registry) =>
    registry.rotateKey(
      oldId,
      { id, hash, overlapMs, ...(limits === undefined ? {} : { limits }) },
      actor,
    ),
  );
  if (rotated.kind === "missing") return missing("key", oldId);
  if (rotated.kind === "faulty") return asOrdered(rotated);
  // Else this isolate would read the old key's old end once more, and believe it for a while.
  await isPublishedSoon(call, "key", stored.id, stored.version + 1);
  deps.forget("key", stored.id);
  return made({
    object: "key",
    id,
    secret,
    dry_run: false,
    old: { id: oldId, expires_at_ms: rotated.oldExpiresAtMs },
    document: JSON.parse(rotated.documentText),
  });
}

async function revokeKey(call: Call): Promise<Answered | Refusal> {
  const { ids, actor, deps, isDryRun } = call;
  const id = ids["id"] ?? "";
  const stored = await askRegistry(deps, (registry) => registry.readKey(id));
  if (stored === null) return missing("key", id);
  if (isDryRun) {
    const key = parseKey(JSON.parse(stored.documentText));
    const revokedAtMs = key.kind === "parsed" ? (key.value.revokedAtMs ?? null) : null;
    return answer({
      object: "key",
      id,
      revoked_at_ms: revokedAtMs,
      confirmed: false,
      dry_run: true,
    });
  }
  const revoked = await askRegistry(deps, (registry) => registry.revokeKey(id, actor));
  if (revoked.kind === "missing") return missing("key", id);
  await isPublishedSoon(call, "key", stored.id, revoked.version);
  deps.forget("key", stored.id);
  return {
    ...answer({
      object: "key",
      id,
      revoked_at_ms: revoked.revokedAtMs,
      confirmed: revoked.isConfirmed,
      dry_run: false,
    }),
    status: revoked.isConfirmed ? 200 : 202,
  };
}

const NOTHING_MADE = { object: "key", id: null, secret: null, dry_run: true, document: null };

function makeKey(): { readonly id: string; readonly secret: string } {
  return {
    id: `key-${randomText(KEY_ID_BYTES)}`,
    secret: `${SECRET_PREFIX}${randomText(SECRET_BYTES)}`,
  };
}

function randomText(bytes: number): string {
  return crypto
    .getRandomValues(new Uint8Array(bytes))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

function made(body: object): Answered {
  return { kind: "answered", status: 201, body };
}

/** The registry speaks of the document; the caller wrote an order. */
function asOrdered({ faults }: Extract<Refusal, { kind: "faulty" }>): Refusal {
  const names: Readonly<Record<string, string>> = {
    expiresAtMs: "expires_at_ms",
    overlapMs: "overlap_ms",
  };
  return {
    kind: "faulty",
    faults: faults.map(({ path, problem }) => faultAt(names[path] ?? path, problem)),
  };
}

function faulty(path: string, problem: string): Refusal {
  return { kind: "faulty", faults: [faultAt(path, problem)] };
}
