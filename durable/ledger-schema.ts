// The tables of a ledger, as numbered steps. Statements lie flat, because every isolate parses what indents them.

/** Never edit a step that shipped; add one. */
export const STEPS: readonly string[] = [
  // Rows of calls and balances, before there was a journal. No release had them, and nothing is made in their place.
  "SELECT 1",
  // Keys that hold nothing any more. Revoked is forever, and a key is a few dozen bytes, so none is dropped.
  "CREATE TABLE revoked_key (key_id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  [
    // Texts that come again, kept once.
    "CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    // The truth: ledger-codec.ts says what a body is.
    "CREATE TABLE journal (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    // Calls that reserve nothing any more, so that an id counts once: where in the journal a call begins and ends. held_output
    // is what of its output was held when it ended, null as at first; refund_seqs is a JSON list.
    `CREATE TABLE ended (
call_id ANY PRIMARY KEY,
held_seq INTEGER NOT NULL,
end_seq INTEGER NOT NULL,
adjust_seq INTEGER,
held_output INTEGER,
refund_seqs TEXT
) STRICT, WITHOUT ROWID`,
    // The hash chain's value after some lines, so that a page can be read from the middle.
    "CREATE TABLE anchor (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL) STRICT",
    // What stood after one line of the journal, in pieces of one JSON text; the buckets of it lie by themselves, because
    // of many only a few change from one snapshot to the next. at_ms: when one was last found changed.
    "CREATE TABLE snapshot (piece INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT",
    `CREATE TABLE bucket (
scope TEXT NOT NULL,
window TEXT NOT NULL,
key TEXT NOT NULL,
body TEXT NOT NULL,
at_ms INTEGER NOT NULL,
PRIMARY KEY (scope, window, key)
) STRICT, WITHOUT ROWID`,
    // The last line that was pruned: the snapshot alone stands for it and all before.
    "CREATE TABLE pruned (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT",
  ].join(";"),
  [
    // On which day since 1970 a word was last written into a line, so that one that no line names any more can go; null: not
    // since this step. A version from before it does not say so of words, but its lines show by writer: while there is one
    // that it wrote, no word goes.
    "ALTER TABLE word ADD COLUMN used_day INTEGER",
    "ALTER TABLE journal ADD COLUMN writer INTEGER",
    "CREATE TABLE unmarked (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL) STRICT",
    "INSERT INTO unmarked (id, seq) SELECT 1, coalesce(max(seq), 0) FROM journal",
    `CREATE TRIGGER line_unmarked AFTER INSERT ON journal WHEN new.writer IS NULL BEGIN
UPDATE unmarked SET seq = new.seq;
END`,
  ].join(";"),
];
