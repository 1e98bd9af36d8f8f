// The whole configuration as one document, who changed what, and how far KV has been told.
import { isoTime } from "../instant.ts";
import { askRegistry } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { isAllPublishedSoon } from "./published-soon.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";

/** Above what the registry takes (12 Mi characters), so that it can say why; far below an isolate's 128 MB. */
const IMPORT_BYTES_MAX = 16 * 1024 * 1024;

export const CONFIGURATION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/export",
    name: "exportConfiguration",
    run: async ({ deps }) => {
      const { documentText, revision } = await askRegistry(deps, (registry) =>
        registry.exportAll(),
      );
      return answer(documentText, revision);
    },
  },
  {
    method: "POST",
    path: "/import",
    name: "importConfiguration",
    query: ["dry_run", "secrets_later"],
    condition: "revision",
    bodyBytesMax: IMPORT_BYTES_MAX,
    run: importConfiguration,
  },
  {
    method: "GET",
    path: "/audit",
    name: "readAudit",
    query: ["after", "limit"],
    run: readAudit,
  },
  {
    method: "GET",
    path: "/publication",
    name: "readPublication",
    run: async ({ deps }) => answer(await readPublication(deps)),
  },
  {
    method: "POST",
    path: "/publication",
    name: "publishAgain",
    run: async ({ deps }) => {
      await askRegistry(deps, (registry) => registry.republish());
      return { ...answer(await readPublication(deps)), status: 202 };
    },
  },
];

async function importConfiguration(call: Call): Promise<Answered | Refusal> {
  const { bodyText, actor, expected, isDryRun, areSecretsLater, deps } = call;
  const imported = await askRegistry(deps, (registry) =>
    registry.importAll(bodyText, actor, { isDryRun, areSecretsLater, expectedRevision: expected }),
  );
  if (imported.kind === "stale") return { kind: "stale-revision", revision: imported.revision };
  if (imported.kind === "faulty") return imported;
  const { kind, revision, changes } = imported;
  const published = kind === "imported" && (await isAllPublishedSoon(call));
  if (kind === "imported") for (const change of changes) deps.forget(change.kind, change.id);
  return answer(
    { object: "import", dry_run: kind === "valid", revision, published, changes: [...changes] },
    revision,
  );
}

async function readAudit({ after, limit, deps }: Call): Promise<Answered | Refusal> {
  if (!/^\d{0,15}$/.test(after))
    return { kind: "invalid", parameter: "after", problem: "must be a line's number" };
  const lines = await askRegistry(deps, (registry) => registry.audit(Number(after), limit));
  return answer({
    object: "list",
    data: lines.map(({ seq, atMs, actor, kind, id, version, before, after: later }) => ({
      seq,
      at: isoTime(atMs),
      actor,
      kind,
      id,
      version,
      before: before === null ? null : JSON.parse(before),
      after: later === null ? null : JSON.parse(later),
    })),
    // A page of long lines holds fewer than were asked for, so only an empty one is known to be the last.
    next: lines.at(-1)?.seq.toString() ?? null,
  });
}

async function readPublication(deps: Call["deps"]): Promise<object> {
  const told = await askRegistry(deps, (registry) => registry.publication());
  return {
    object: "publication",
    unpublished_count: told.unpublishedCount,
    unpublished: told.unpublished.map(
      ({ kind, id, version, putVersion, tries, nextTryAtMs, problem }) => ({
        kind,
        id,
        version,
        put_version: putVersion,
        tries,
        next_try_at: isoTime(nextTryAtMs),
        problem,
      }),
    ),
    unconfirmed_count: told.unconfirmedCount,
    unconfirmed: told.unconfirmed.map(({ tenant, keyId, tries, nextTryAtMs }) => ({
      tenant,
      key_id: keyId,
      tries,
      next_try_at: isoTime(nextTryAtMs),
    })),
  };
}
