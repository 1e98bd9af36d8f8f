// Tells the rest of the gateway what the registry holds: KV its documents, ledgers their revoked keys. Each try ends
// in a mark in the queue, so that what failed comes again by the registry's alarm until both sides agree.
import { CATALOG_ID } from "../policies/administration.ts";
import { logError } from "./log.ts";
import type { RegistryQueue } from "./registry-queue.ts";
import type { DocumentRow, RevocationRow } from "./registry-rows.ts";

/** What publishing needs of KV. */
export type PublicationStore = Pick<KVNamespace, "get" | "put" | "delete">;

/** Doubles from the first to the last, so that a long outage costs little and a short one is soon over. */
const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 5 * 60_000;
/** KV answers from a copy for at least 30 s, so looking again sooner would only see that copy. */
const LOOK_AGAIN_MS = 31_000;
const COPY_SECONDS = 30;
/** A store or a ledger that is silent this long is taken for unreachable. */
const ANSWER_MS_MAX = 10_000;

/** The kinds that are filed under their own name and an id. */
const PREFIXES = ["policy", "organisation", "tenant", "key"] as const;

/** What KV calls a document. kv-seeds/README.md is the contract. */
export function publishedName({ kind, id }: Pick<DocumentRow, "kind" | "id">): string {
  return kind === "catalog" ? id : `${kind}:${id}`;
}

/** The document that KV calls so; null when none can be called so. */
export function filedAs(name: string): Pick<DocumentRow, "kind" | "id"> | null {
  if (name === CATALOG_ID) return { kind: "catalog", id: name };
  const kind = PREFIXES.find((prefix) => name.startsWith(`${prefix}:`));
  return kind === undefined ? null : { kind, id: name.slice(kind.length + 1) };
}

/**
 * Brings one document to KV. The caller never runs two at once for one document, so an older version is never put
 * after a newer. A put that was given up may still land late: that is why a try that follows a failure does not
 * believe what it reads at once, and looks again when KV's copies have passed.
 */
export async function publish(
  row: DocumentRow,
  queue: RegistryQueue,
  store: PublicationStore,
  now: () => number,
): Promise<void> {
  const { kind, id, version, tries } = row;
  const retry = (afterMs: number, problem: string): void => {
    logError("publication-failed", { kind, id: id.slice(0, 64), version, problem });
    queue.markTried(kind, id, version, now() + afterMs, problem);
  };
  const retryMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(tries, 20));
  try {
    if (row.put_version === version && (await holds(row, store))) {
      queue.markAgreed(kind, id, version);
      return;
    }
    await within(putTo(store, row));
  } catch (error) {
    retry(retryMs, String(error));
    return;
  }
  queue.markPut(kind, id, version, now());
  const lookMs = Math.max(LOOK_AGAIN_MS, retryMs);
  try {
    const isSettled = tries === 0 && (await holds(row, store));
    if (isSettled) queue.markAgreed(kind, id, version);
    else retry(lookMs, "KV was not yet seen to hold it");
  } catch (error) {
    retry(lookMs, String(error));
  }
}

/** Tells one tenant's ledger of one key. */
export async function confirmRevocation(
  row: Pick<RevocationRow, "key_id" | "tries">,
  queue: RegistryQueue,
  revoke: (keyId: string) => Promise<unknown>,
  now: () => number,
): Promise<void> {
  const { key_id: keyId, tries } = row;
  try {
    await within(revoke(keyId));
    queue.endRevocation(keyId);
  } catch (error) {
    logError("revocation-unconfirmed", { keyId, tries, problem: String(error) });
    const waitMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(tries, 20));
    queue.postponeRevocation(keyId, now() + waitMs);
  }
}

async function holds(row: DocumentRow, store: PublicationStore): Promise<boolean> {
  const name = publishedName(row);
  return (await within(store.get(name, { type: "text", cacheTtl: COPY_SECONDS }))) === row.text;
}

function putTo(store: PublicationStore, row: DocumentRow): Promise<void> {
  const name = publishedName(row);
  return row.text === null ? store.delete(name) : store.put(name, row.text);
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${ANSWER_MS_MAX} ms`)),
      ANSWER_MS_MAX,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
