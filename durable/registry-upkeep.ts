// What the registry does by itself: compares KV with every document in rounds, and drops what is too old.
import type { RegistryBook } from "./registry-book.ts";
import type { RegistryQueue } from "./registry-queue.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/** Between rounds. KV is a copy that others can empty or write over; an hour of that is bearable, and a read is cheap. */
const ROUND_MS = HOUR_MS;
/** Documents that one step of a round looks at, and the time to the next step. */
const ROUND_STEP_DOCUMENTS = 100;
const ROUND_STEP_MS = 5_000;
/** A round that is wanted early comes no sooner than this after the last began. */
const ROUND_SPACING_MS = 60_000;
/** A year and a month, so that last year's changes can still be told. */
export const AUDIT_KEPT_MS = 400 * DAY_MS;
/** Above this the oldest lines go before their time: an object holds 10 GB, and a character takes up to 3 bytes. */
const AUDIT_CHARS_MAX = 1_000_000_000;
/** A dead key keeps its hash and id taken as long as the audit tells of it. */
const DEAD_KEY_KEPT_MS = AUDIT_KEPT_MS;
const PRUNED_PER_STEP_MAX = 100;

/** Begins a round from the first document. */
function startRound(queue: RegistryQueue, nowMs: number): void {
  queue.setUpkeep({ due_at_ms: nowMs, round_at_ms: nowMs, after_kind: "", after_id: "" });
}

/** Begins a round early, unless one has just begun. */
function hasten(queue: RegistryQueue, nowMs: number): void {
  const upkeep = queue.upkeep();
  if (upkeep === null || upkeep.round_at_ms + ROUND_SPACING_MS <= nowMs) startRound(queue, nowMs);
}

/** One step of a round when it is due. The next round is set when one ends. */
function run(book: RegistryBook, queue: RegistryQueue, nowMs: number): void {
  const upkeep = queue.upkeep();
  if (upkeep === null) {
    // A round's time runs from the first write on; an empty registry sleeps.
    queue.setUpkeep({
      due_at_ms: nowMs + ROUND_MS,
      round_at_ms: nowMs,
      after_kind: "",
      after_id: "",
    });
    return;
  }
  if (upkeep.due_at_ms > nowMs) return;
  const documents = queue.following(upkeep.after_kind, upkeep.after_id, ROUND_STEP_DOCUMENTS);
  for (const { kind, id } of documents) queue.doubt(kind, id, nowMs);
  prune(book, nowMs);
  const last = documents.at(-1);
  if (last === undefined || documents.length < ROUND_STEP_DOCUMENTS) {
    const due_at_ms = Math.max(nowMs + ROUND_STEP_MS, upkeep.round_at_ms + ROUND_MS);
    queue.setUpkeep({ due_at_ms, round_at_ms: due_at_ms, after_kind: "", after_id: "" });
    return;
  }
  queue.setUpkeep({
    due_at_ms: nowMs + ROUND_STEP_MS,
    round_at_ms: upkeep.round_at_ms,
    after_kind: last.kind,
    after_id: last.id,
  });
}

function prune(book: RegistryBook, nowMs: number): void {
  book.pruneAudit(nowMs - AUDIT_KEPT_MS, PRUNED_PER_STEP_MAX);
  if (book.auditChars() > AUDIT_CHARS_MAX) book.pruneAudit(Infinity, PRUNED_PER_STEP_MAX);
  for (const { kind, id } of book.deadKeys(nowMs - DEAD_KEY_KEPT_MS, PRUNED_PER_STEP_MAX))
    book.write({ kind, id, text: null }, "registry", nowMs);
}

export const keepUp = { startRound, hasten, run };
