// The journal of a ledger: entries are added and never changed. It also knows where each call begins and ends in it, which
// is how a call id counts once, and how a late settlement finds what it corrects.
import type { Entry, EndEntry } from "../policies/ledger/entry.ts";
import type { JournalLine } from "../policies/ledger/canonical.ts";
import type { EndedCall, EndedCalls } from "../policies/ledger/state.ts";
import { callKey, requestKeys } from "./ledger-bytes.ts";
import { atMsOf, decodeEntry, encodeEntry } from "./ledger-codec.ts";
import { Words } from "./ledger-words.ts";

/** Where an open call was held, and where it expired when it is in suspense. */
export interface OpenSeqs {
  readonly heldSeq: number;
  expiredSeq: number | null;
}

type EndedRow = {
  held_seq: number;
  end_seq: number;
  adjust_seq: number | null;
  refund_seqs: string | null;
};

/** Marks lines whose words are marked as used (ledger-schema.ts). */
const WRITER = 1;

export class Journal {
  readonly #sql: SqlStorage;
  readonly #words: Words;
  #lastSeq: number;
  #firstAtMs: number | null;
  readonly open = new Map<string, OpenSeqs>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#words = new Words(sql);
    this.#lastSeq = sql
      .exec<{ seq: number }>(
        `SELECT max(coalesce((SELECT max(seq) FROM journal), 0), coalesce((SELECT seq FROM pruned), 0)) AS seq`,
      )
      .one().seq;
    this.#firstAtMs = this.#readFirstAtMs();
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** The last line that was pruned; 0 while none was. */
  prunedSeq(): number {
    return this.#sql.exec<{ seq: number }>("SELECT seq FROM pruned").toArray()[0]?.seq ?? 0;
  }

  /** Adds an entry, and where it ends a call, how to find that call again. */
  append(entry: Entry): number {
    const seq = this.#lastSeq + 1;
    this.#words.useAt(entry.atMs);
    this.#sql.exec(
      "INSERT INTO journal (seq, body, writer) VALUES (?, ?, ?)",
      seq,
      encodeEntry(entry, this.#words),
      WRITER,
    );
    this.#lastSeq = seq;
    this.#firstAtMs ??= entry.atMs;
    if ("callId" in entry) {
      const { callId } = entry;
      const seqs = this.open.get(callId);
      switch (entry.op) {
        case "settle":
        case "release":
          this.#end(callId, seqs, seq, null);
          break;
        case "expire":
          if (entry.suspendedUntilMs === null) this.#end(callId, seqs, seq, null);
          break;
        case "lapse":
          this.#end(callId, seqs, seqs?.expiredSeq ?? seq, null);
          break;
        case "adjust":
          if (seqs === undefined)
            this.#sql.exec(
              "UPDATE ended SET adjust_seq = ? WHERE call_id = ?",
              seq,
              callKey(callId),
            );
          else this.#end(callId, seqs, seqs.expiredSeq ?? seq, seq);
          break;
        case "refund":
          this.#sql.exec(
            "UPDATE ended SET refund_seqs = json_insert(coalesce(refund_seqs, '[]'), '$[#]', CAST(? AS INTEGER)) WHERE call_id = ?",
            seq,
            callKey(callId),
          );
          break;
        case "hold":
        case "extend":
        case "checkpoint":
      }
    }
    this.follow(seq, entry);
    return seq;
  }

  /** Keeps in mind where open calls stand; `append` does it for new lines, a start for those that it replays. */
  follow(seq: number, entry: Entry): void {
    if (!("callId" in entry)) return;
    switch (entry.op) {
      case "hold":
        this.open.set(entry.callId, { heldSeq: seq, expiredSeq: null });
        return;
      case "expire": {
        const seqs = this.open.get(entry.callId);
        if (entry.suspendedUntilMs === null) this.open.delete(entry.callId);
        else if (seqs !== undefined) seqs.expiredSeq = seq;
        return;
      }
      case "settle":
      case "release":
      case "lapse":
      case "adjust":
        this.open.delete(entry.callId);
        return;
      case "extend":
      case "checkpoint":
      case "refund":
    }
  }

  /** Null where the line is gone, or of a version that this one cannot read. */
  read(seq: number): Entry | null {
    const [row] = this.#sql
      .exec<{ body: ArrayBuffer }>("SELECT body FROM journal WHERE seq = ?", seq)
      .toArray();
    return row === undefined ? null : decodeEntry(row.body, this.#words);
  }

  /** Lines after a seq, oldest first. An entry is null where this version cannot read it. */
  *after(
    seq: number,
    max: number,
  ): Generator<{ readonly seq: number; readonly entry: Entry | null }> {
    const rows = this.#sql.exec<{ seq: number; body: ArrayBuffer }>(
      "SELECT seq, body FROM journal WHERE seq > ? ORDER BY seq LIMIT ?",
      seq,
      max,
    );
    for (const row of rows.toArray())
      yield { seq: row.seq, entry: decodeEntry(row.body, this.#words) };
  }

  /** As `after`, up to the first line that this version cannot read. */
  readable(seq: number, max: number): JournalLine[] {
    const lines: JournalLine[] = [];
    for (const line of this.after(seq, max)) {
      const { entry } = line;
      if (entry === null) break;
      lines.push({ seq: line.seq, entry });
    }
    return lines;
  }

  /** Ended calls as they stood before a line, so that a replay sees what the first run saw; by default as they stand. */
  endedBefore(seq = Infinity): EndedCalls {
    return { find: (callId) => this.#find(callId, seq) };
  }

  hasRequest(requestId: string): boolean {
    for (const callId of this.open.keys()) if (callId.startsWith(`${requestId}:`)) return true;
    const { first, end } = requestKeys(requestId);
    return (
      this.#sql
        .exec("SELECT 1 FROM ended WHERE call_id >= ? AND call_id < ? LIMIT 1", first, end)
        .toArray().length > 0
    );
  }

  /** When the first line was written that is not pruned; null when there is none. */
  get firstAtMs(): number | null {
    return this.#firstAtMs;
  }

  /**
   * The last line that may be pruned with all before it, at most `max` of them: older than `beforeMs`, of no open call,
   * and of no call that ended after `endedBeforeMs`. Null when there is none.
   */
  prunable(beforeMs: number, endedBeforeMs: number, max: number): number | null {
    let openSeq = Infinity;
    for (const { heldSeq } of this.open.values()) openSeq = Math.min(openSeq, heldSeq);
    let seq: number | null = null;
    for (const line of this.after(this.prunedSeq(), max)) {
      const { entry } = line;
      if (entry === null || line.seq >= openSeq || entry.atMs >= beforeMs) break;
      if (entry.op === "hold") {
        const end = this.#find(entry.callId, Infinity)?.end;
        if (end !== undefined && end.atMs >= endedBeforeMs) break;
      }
      seq = line.seq;
    }
    return seq;
  }

  /** Forgets the lines up to one, with the calls that were held in them. `hash`: the chain's after it. */
  prune(seq: number, hash: string): void {
    for (const { entry } of this.after(this.prunedSeq(), seq - this.prunedSeq()))
      if (entry?.op === "hold")
        this.#sql.exec("DELETE FROM ended WHERE call_id = ?", callKey(entry.callId));
    this.#sql.exec("DELETE FROM journal WHERE seq <= ?", seq);
    this.#sql.exec("DELETE FROM anchor WHERE seq < ?", seq);
    this.keepAnchor(seq, hash);
    this.#sql.exec(
      "INSERT INTO pruned (id, seq) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq",
      seq,
    );
    this.#firstAtMs = this.#readFirstAtMs();
  }

  /**
   * Forgets at most `max` words that no line names any more. Not while there are lines of a version that does not mark the
   * words that it uses.
   */
  pruneWords(nowMs: number, max: number): void {
    const { seq } = this.#sql.exec<{ seq: number }>("SELECT seq FROM unmarked").one();
    if (seq <= this.prunedSeq()) this.#words.prune(this.#firstAtMs ?? nowMs, max);
  }

  keepAnchor(seq: number, hash: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO anchor (seq, hash) VALUES (?, ?)", seq, hash);
  }

  /** The last anchor that is not after a line; null where the chain begins. */
  anchorBefore(seq: number): { readonly seq: number; readonly hash: string } | null {
    const [row] = this.#sql
      .exec<{ seq: number; hash: string }>(
        "SELECT seq, hash FROM anchor WHERE seq <= ? ORDER BY seq DESC LIMIT 1",
        seq,
      )
      .toArray();
    return row ?? null;
  }

  #readFirstAtMs(): number | null {
    const [row] = this.#sql
      .exec<{ body: ArrayBuffer }>("SELECT body FROM journal ORDER BY seq LIMIT 1")
      .toArray();
    return row === undefined ? null : atMsOf(row.body);
  }

  #end(callId: string, seqs: OpenSeqs | undefined, endSeq: number, adjustSeq: number | null): void {
    if (seqs === undefined) throw new Error(`A call ended that was never held: ${callId}.`);
    this.#sql.exec(
      "INSERT INTO ended (call_id, held_seq, end_seq, adjust_seq) VALUES (?, ?, ?, ?)",
      callKey(callId),
      seqs.heldSeq,
      endSeq,
      adjustSeq,
    );
  }

  #find(callId: string, beforeSeq: number): EndedCall | null {
    const [row] = this.#sql
      .exec<EndedRow>(
        "SELECT held_seq, end_seq, adjust_seq, refund_seqs FROM ended WHERE call_id = ?",
        callKey(callId),
      )
      .toArray();
    // In suspense until it was adjusted: before that it was no ended call.
    if (row === undefined || row.end_seq >= beforeSeq) return null;
    const adjustSeq = row.adjust_seq ?? Infinity;
    const end = this.read(adjustSeq < beforeSeq ? adjustSeq : row.end_seq);
    const hold = this.read(row.held_seq);
    if (hold?.op !== "hold" || end === null || !isEnd(end)) return null;
    // Written by this object from numbers.
    const refundSeqs = JSON.parse(row.refund_seqs ?? "[]") as number[];
    return {
      hold,
      end,
      refunds: refundSeqs.flatMap((seq) => {
        const refund = seq < beforeSeq ? this.read(seq) : null;
        return refund?.op === "refund" ? [refund] : [];
      }),
    };
  }
}

function isEnd(entry: Entry): entry is EndEntry {
  return (
    entry.op === "settle" ||
    entry.op === "expire" ||
    entry.op === "adjust" ||
    entry.op === "release"
  );
}
