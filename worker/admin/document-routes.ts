// Organisations, tenants, policies and the catalog: read, listed, written and removed, each write against the version it was
// decided on.
import {
  CATALOG_ID,
  type StoredDocument,
  type WritableKind,
} from "../../policies/administration.ts";
import { isoTime } from "../instant.ts";
import { askRegistry } from "./ask.ts";
import { missing } from "./find.ts";
import { isPublishedSoon } from "./published-soon.ts";
import type { Answered, Call, Route } from "./route.ts";
import type { Refusal } from "./refusal.ts";

/** The registry's own bound on a document, and room for the white space that an editor adds. */
const DOCUMENT_BYTES_MAX = 1_500_000;
const PLURALS = {
  organisation: "organisations",
  tenant: "tenants",
  policy: "policies",
} as const satisfies Readonly<Record<Exclude<WritableKind, "catalog">, string>>;
type ListedKind = keyof typeof PLURALS;

export const DOCUMENT_ROUTES: readonly Route[] = [
  listOf("organisation"),
  ...routesOfOne("organisation", "/organisations/{id}"),
  removalOf("organisation", "/organisations/{id}"),
  listOf("tenant"),
  ...routesOfOne("tenant", "/tenants/{id}"),
  removalOf("tenant", "/tenants/{id}"),
  listOf("policy"),
  ...routesOfOne("policy", "/policies/{name}"),
  removalOf("policy", "/policies/{name}"),
  ...routesOfOne("catalog", "/catalog"),
];

function listOf(kind: ListedKind): Route {
  return {
    method: "GET",
    path: `/${PLURALS[kind]}`,
    name: `list${capitalise(PLURALS[kind])}`,
    query: ["after", "limit"],
    run: async ({ after, limit, deps }) => {
      const { documents, next } = await askRegistry(deps, (registry) =>
        registry.list(kind, after, limit),
      );
      return answer({ object: "list", data: documents.map(showStored), next });
    },
  };
}

function routesOfOne(kind: WritableKind, path: string): readonly Route[] {
  const title = capitalise(kind);
  return [
    {
      method: "GET",
      path,
      name: `read${title}`,
      run: async (call) => {
        const id = idOf(call);
        const stored = await askRegistry(call.deps, (registry) => registry.read(kind, id));
        if (stored === null) return missing(kind, id);
        return answer(showStored(stored), stored.version);
      },
    },
    {
      method: "PUT",
      path,
      name: `write${title}`,
      query: kind === "catalog" ? ["dry_run", "secrets_later"] : ["dry_run"],
      condition: "version-or-new",
      bodyBytesMax: DOCUMENT_BYTES_MAX,
      run: (call) => write(kind, call),
    },
  ];
}

function removalOf(kind: ListedKind, path: string): Route {
  return {
    method: "DELETE",
    path,
    name: `remove${capitalise(kind)}`,
    query: ["dry_run"],
    condition: "version",
    run: (call) => remove(kind, call),
  };
}

async function write(kind: WritableKind, call: Call): Promise<Answered | Refusal> {
  const { bodyText, actor, isDryRun, areSecretsLater, deps } = call;
  const expected = call.expected ?? 0;
  const id = idOf(call);
  const put = await askRegistry(deps, (registry) =>
    registry.put(kind, id, bodyText, expected, actor, { isDryRun, areSecretsLater }),
  );
  if (put.kind === "stale") return { kind: "stale", what: nameOf(kind, id), version: put.version };
  if (put.kind === "faulty") return put;
  const published = put.kind === "written" && (await isPublishedSoon(call, kind, id, put.version));
  if (put.kind === "written") deps.forget(kind, id);
  return {
    ...answer(
      {
        object: kind,
        id,
        version: put.version,
        published,
        dry_run: put.kind === "valid",
        document: JSON.parse(put.documentText),
      },
      put.version,
    ),
    status: put.kind === "written" && expected === 0 ? 201 : 200,
  };
}

async function remove(kind: WritableKind, call: Call): Promise<Answered | Refusal> {
  const { actor, isDryRun, deps } = call;
  const id = idOf(call);
  const removed = await askRegistry(deps, (registry) =>
    registry.remove(kind, id, call.expected ?? 0, actor, { isDryRun }),
  );
  if (removed.kind === "faulty") return removed;
  if (removed.kind === "stale") {
    return removed.version === 0
      ? missing(kind, id)
      : { kind: "stale", what: nameOf(kind, id), version: removed.version };
  }
  if (removed.kind === "removed") deps.forget(kind, id);
  return answer({
    object: kind,
    id,
    version: removed.version,
    removed: removed.kind === "removed",
    dry_run: removed.kind === "valid",
  });
}

export function showStored(stored: StoredDocument): object {
  const { kind, id, version, updatedAtMs, isPublished, documentText } = stored;
  const document = JSON.parse(documentText) as { readonly id?: unknown };
  return {
    object: kind,
    id: kind === "key" ? document.id : id,
    ...(kind === "key" ? { hash: id } : {}),
    version,
    updated_at: isoTime(updatedAtMs),
    published: isPublished,
    document,
  };
}

export function answer(body: object | string, version?: number): Answered {
  return { kind: "answered", status: 200, body, ...(version === undefined ? {} : { version }) };
}

function idOf({ ids }: Call): string {
  return ids["id"] ?? ids["name"] ?? CATALOG_ID;
}

function nameOf(kind: WritableKind, id: string): string {
  return kind === "catalog" ? "catalog" : `${kind} "${id}"`;
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
