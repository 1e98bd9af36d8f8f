// Journal entries as bytes and back. The first byte says the format and the operation. Within an operation fields are only
// ever added, at the end, and readers ignore what follows the fields that they know; what does not fit that is a new
// operation or format, which the version before cannot read and leaves out with an alarm (ledger-journal.ts).
import type { Entry, HoldEntry } from "../policies/ledger/entry.ts";
import { WINDOWS } from "../policies/ledger/limit.ts";
import { ByteReader, ByteWriter } from "./ledger-bytes.ts";
import { readAmounts, readPosting, writeAmounts, writePosting } from "./ledger-posting-codec.ts";
import type { Words } from "./ledger-words.ts";

const FORMAT = 1;
const FORMAT_UNIT = 32;

/** Each operation's number, for ever. */
const OP_NUMBERS: Readonly<Record<Entry["op"], number>> = {
  hold: 1,
  extend: 2,
  checkpoint: 3,
  settle: 4,
  expire: 5,
  lapse: 6,
  adjust: 7,
  release: 8,
  refund: 9,
  ask: 10,
  borrow: 11,
  report: 12,
  heard: 13,
  lend: 14,
  return: 15,
};
const OPS = new Map(
  (Object.keys(OP_NUMBERS) as Entry["op"][]).map((op) => [OP_NUMBERS[op], op] as const),
);

export function encodeEntry(entry: Entry, words: Words): ArrayBuffer {
  const out = new ByteWriter();
  out.byte(FORMAT * FORMAT_UNIT + OP_NUMBERS[entry.op]);
  out.count(entry.atMs);
  switch (entry.op) {
    case "hold":
      out.callId(entry.callId);
      out.count(entry.fingerprint);
      out.count(words.pathId(entry.path));
      out.count(words.pricesId(entry.prices));
      out.count(words.callWordsId(entry.words));
      out.count(4 * entry.rung + (entry.session === null ? 0 : 2) + entry.requests);
      if (entry.session !== null) out.text(entry.session);
      out.count(entry.inputTokens);
      out.count(entry.outputTokens);
      out.count(entry.heldOutputTokens);
      out.count(entry.ttlMs);
      if (entry.isDebt === true || entry.older !== undefined || entry.answers !== undefined) {
        out.count(entry.isDebt === true ? 1 : 0);
        out.count(entry.older?.length ?? 0);
        for (const { window, key } of entry.older ?? []) {
          out.count(WINDOWS.indexOf(window));
          out.text(key);
        }
        if (entry.answers !== undefined) out.count(entry.answers);
      }
      break;
    case "extend":
      out.callId(entry.callId);
      out.count(entry.heldOutputTokens);
      out.count(entry.seenOutputTokens);
      out.count(entry.ttlMs);
      break;
    case "checkpoint":
      out.callId(entry.callId);
      out.count(entry.seenOutputTokens);
      out.count(entry.ttlMs);
      break;
    case "settle":
    case "expire":
    case "adjust":
      writePosting(out, entry, words);
      break;
    case "lapse":
    case "release":
      out.callId(entry.callId);
      break;
    case "refund":
      out.callId(entry.callId);
      out.callId(entry.refundId);
      writeAmounts(out, entry.amounts);
      break;
    case "ask":
    case "lend":
      out.callId(entry.leaseId);
      out.count(words.textId(entry.op === "ask" ? entry.lender : entry.borrower));
      out.count(words.textId(entry.scope));
      out.count(WINDOWS.indexOf(entry.window));
      out.text(entry.key);
      writeAmounts(out, entry.amounts);
      if (entry.op === "lend" && entry.olderKeys !== undefined) {
        out.count(entry.olderKeys.length);
        for (const key of entry.olderKeys) out.text(key);
      }
      break;
    case "borrow":
      out.callId(entry.leaseId);
      writeAmounts(out, entry.amounts);
      break;
    case "report":
    case "return":
      out.callId(entry.leaseId);
      writeAmounts(out, entry.spent);
      break;
    case "heard":
      out.callId(entry.leaseId);
  }
  return out.finish();
}

/** Null: of a format or an operation that this version does not know. */
export function decodeEntry(body: ArrayBuffer, words: Words): Entry | null {
  const from = new ByteReader(body);
  const head = from.byte();
  const op = OPS.get(head % FORMAT_UNIT);
  if (Math.floor(head / FORMAT_UNIT) !== FORMAT || op === undefined) return null;
  const atMs = from.count();
  switch (op) {
    case "hold":
      return readHold(from, atMs, words);
    case "extend": {
      const callId = from.callId();
      const heldOutputTokens = from.count();
      const seenOutputTokens = from.count();
      return { op, callId, atMs, heldOutputTokens, seenOutputTokens, ttlMs: from.count() };
    }
    case "checkpoint": {
      const callId = from.callId();
      const seenOutputTokens = from.count();
      return { op, callId, atMs, seenOutputTokens, ttlMs: from.count() };
    }
    case "settle":
    case "adjust": {
      const { suspendedUntilMs: _, ...posting } = readPosting(from, atMs, words);
      return { op, ...posting };
    }
    case "expire":
      return { op, ...readPosting(from, atMs, words) };
    case "lapse":
    case "release":
      return { op, callId: from.callId(), atMs };
    case "refund": {
      const callId = from.callId();
      const refundId = from.callId();
      return { op, callId, refundId, atMs, amounts: readAmounts(from) };
    }
    case "ask":
    case "lend": {
      const leaseId = from.callId();
      const other = words.text(from.count());
      const scope = words.text(from.count());
      const window = WINDOWS[from.count()];
      if (window === undefined) return null;
      const key = from.text();
      const amounts = readAmounts(from);
      if (op === "ask") return { op, leaseId, atMs, lender: other, scope, window, key, amounts };
      const lend = { op, leaseId, atMs, borrower: other, scope, window, key, amounts };
      if (from.isAtEnd) return lend;
      return { ...lend, olderKeys: Array.from({ length: from.count() }, () => from.text()) };
    }
    case "borrow": {
      const leaseId = from.callId();
      return { op, leaseId, atMs, amounts: readAmounts(from) };
    }
    case "report":
    case "return": {
      const leaseId = from.callId();
      return { op, leaseId, atMs, spent: readAmounts(from) };
    }
    case "heard":
      return { op, leaseId: from.callId(), atMs };
  }
}

/** When a line was written, without reading the rest of it; null where the format is unknown. */
export function atMsOf(body: ArrayBuffer): number | null {
  const from = new ByteReader(body);
  return Math.floor(from.byte() / FORMAT_UNIT) === FORMAT ? from.count() : null;
}

function readHold(from: ByteReader, atMs: number, words: Words): Entry {
  const callId = from.callId();
  const fingerprint = from.count();
  const path = words.path(from.count());
  const prices = words.prices(from.count());
  const callWords = words.callWords(from.count());
  const flags = from.count();
  const session = Math.floor(flags / 2) % 2 === 1 ? from.text() : null;
  const inputTokens = from.count();
  const outputTokens = from.count();
  const heldOutputTokens = from.count();
  return {
    op: "hold",
    callId,
    atMs,
    fingerprint,
    path,
    session,
    prices,
    words: callWords,
    requests: flags % 2 === 1 ? 1 : 0,
    rung: Math.floor(flags / 4),
    inputTokens,
    outputTokens,
    heldOutputTokens,
    ttlMs: from.count(),
    ...readTail(from),
  };
}

/** What stands only on few holds, and on none of earlier versions. */
function readTail(from: ByteReader): Pick<HoldEntry, "isDebt" | "older" | "answers"> {
  if (from.isAtEnd) return {};
  const isDebt = from.count() % 2 === 1;
  const older = Array.from({ length: from.count() }, () => {
    const window = WINDOWS[from.count()];
    const key = from.text();
    return window === undefined ? [] : [{ window, key }];
  }).flat();
  return {
    ...(isDebt ? { isDebt } : {}),
    ...(older.length === 0 ? {} : { older }),
    ...(from.isAtEnd ? {} : { answers: from.count() }),
  };
}
