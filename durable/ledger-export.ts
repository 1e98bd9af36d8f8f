// The journal for others to read: canonical lines with the hash chain over them. Hashing waits, so it stands apart from
// everything that decides; a line never changes, so nothing that happens meanwhile matters.
import { lineOf } from "../policies/ledger/canonical.ts";
import { CHAIN_START, linkAll, type ChainPage } from "../policies/ledger/chain.ts";
import type { Journal } from "./ledger-journal.ts";

export interface JournalPage extends ChainPage {
  /** Ask on from here: the seq of the last line; with no lines, of the last that is gone. */
  readonly nextSeq: number;
}

const LINES_MAX = 1_000;
/** A page crosses to the worker whole. */
const PAGE_CHARS_MAX = 4_000_000;
/** A page read from the middle of the journal hashes at most so many lines before it, once others were read. */
const ANCHOR_EVERY = 1_000;

/** Lines after a seq, oldest first; fewer than `max` where they are long, and none only at the end. */
export async function exportPage(
  journal: Journal,
  afterSeq: number,
  max: number,
): Promise<JournalPage> {
  const from = Math.min(Math.max(afterSeq, journal.prunedSeq()), journal.lastSeq);
  const lines = readLines(journal, from, Math.min(Math.max(1, max), LINES_MAX));
  const prevHash = await hashAfter(journal, from);
  const hashes = await linkAll(prevHash, lines, sha256);
  const hash = hashes.at(-1) ?? prevHash;
  const nextSeq = from + lines.length;
  if (nextSeq - (journal.anchorBefore(nextSeq)?.seq ?? 0) >= ANCHOR_EVERY)
    journal.keepAnchor(nextSeq, hash);
  return { lines, nextSeq, prevHash, hash };
}

/** The chain's hash after a line. */
export async function hashAfter(journal: Journal, seq: number): Promise<string> {
  let { seq: at, hash } = journal.anchorBefore(seq) ?? { seq: 0, hash: CHAIN_START };
  while (at < seq) {
    const lines = readLines(journal, at, Math.min(ANCHOR_EVERY, seq - at));
    hash = (await linkAll(hash, lines, sha256)).at(-1) ?? hash;
    at += lines.length;
    if (at < seq) journal.keepAnchor(at, hash);
  }
  return hash;
}

function readLines(journal: Journal, afterSeq: number, max: number): string[] {
  const lines: string[] = [];
  let chars = 0;
  for (const { seq, entry } of journal.after(afterSeq, max)) {
    if (seq !== afterSeq + lines.length + 1)
      throw new Error(`Lines after ${afterSeq} were pruned while they were read; ask again.`);
    if (entry === null)
      throw new Error(`Line ${seq} was written by a newer version, which must export it.`);
    const line = lineOf({ seq, entry });
    chars += line.length;
    if (lines.length > 0 && chars > PAGE_CHARS_MAX) break;
    lines.push(line);
  }
  return lines;
}

const encoder = new TextEncoder();

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
