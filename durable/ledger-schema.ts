// The tables of a ledger, as numbered steps.

/** Never edit a step that shipped; add one. */
export const STEPS: readonly string[] = [
  `-- One row a call, so that a call id counts once and its prices and windows stay as they were at the hold.
  CREATE TABLE call (
    call_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'released', 'expired')),
    fingerprint INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    variant TEXT,
    arm TEXT NOT NULL,
    strategies TEXT NOT NULL,
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    held_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    requests INTEGER NOT NULL CHECK (requests IN (0, 1)),
    input_tokens INTEGER NOT NULL CHECK (input_tokens >= 0),
    output_tokens INTEGER NOT NULL CHECK (output_tokens >= 0),
    held_tokens INTEGER NOT NULL CHECK (held_tokens >= 0),
    held_nanos INTEGER NOT NULL CHECK (held_nanos >= 0),
    charged_tokens INTEGER NOT NULL DEFAULT 0 CHECK (charged_tokens >= 0),
    charged_nanos INTEGER NOT NULL DEFAULT 0 CHECK (charged_nanos >= 0),
    price_version TEXT,
    input_nanos_per_mtok INTEGER NOT NULL,
    cached_input_nanos_per_mtok INTEGER NOT NULL,
    output_nanos_per_mtok INTEGER NOT NULL,
    answer TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX call_open ON call (expires_at_ms) WHERE state = 'open';

  -- seq is the rowid: AUTOINCREMENT would cost a second row a line.
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    op TEXT NOT NULL CHECK (op IN ('hold', 'settle', 'release', 'expire', 'adjust')),
    call_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    policy_version TEXT NOT NULL,
    variant TEXT,
    arm TEXT NOT NULL,
    strategies TEXT NOT NULL,
    price_version TEXT,
    day TEXT NOT NULL,
    month TEXT NOT NULL,
    held_requests INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    held_nanos INTEGER NOT NULL,
    spent_requests INTEGER NOT NULL,
    spent_tokens INTEGER NOT NULL,
    spent_nanos INTEGER NOT NULL,
    over_tokens INTEGER NOT NULL,
    over_nanos INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,
    certainty TEXT,
    ending TEXT,
    anomaly TEXT
  ) STRICT;

  -- One row a window with a column a dimension: two rows written an operation instead of six.
  CREATE TABLE balance (
    window TEXT NOT NULL CHECK (window IN ('day', 'month')),
    key TEXT NOT NULL,
    spent_requests INTEGER NOT NULL DEFAULT 0 CHECK (spent_requests >= 0),
    spent_tokens INTEGER NOT NULL DEFAULT 0 CHECK (spent_tokens >= 0),
    spent_nanos INTEGER NOT NULL DEFAULT 0 CHECK (spent_nanos >= 0),
    held_requests INTEGER NOT NULL DEFAULT 0 CHECK (held_requests >= 0),
    held_tokens INTEGER NOT NULL DEFAULT 0 CHECK (held_tokens >= 0),
    held_nanos INTEGER NOT NULL DEFAULT 0 CHECK (held_nanos >= 0),
    over_tokens INTEGER NOT NULL DEFAULT 0 CHECK (over_tokens >= 0),
    over_nanos INTEGER NOT NULL DEFAULT 0 CHECK (over_nanos >= 0),
    PRIMARY KEY (window, key)
  ) STRICT, WITHOUT ROWID;`,
  `-- Keys that hold nothing any more. Revoked is forever, and a key is a few dozen bytes, so none is dropped.
  CREATE TABLE revoked_key (
    key_id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;`,
  `-- From rows that are changed to a journal that is only ever added to (README.md). What stood in the first form waits
  -- under other names until ledger-first-form.ts has carried it over, in the same start.
  ALTER TABLE call RENAME TO first_form_call;
  ALTER TABLE balance RENAME TO first_form_balance;
  DROP TABLE journal;

  -- Texts that come again, kept once.
  CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
  ) STRICT;

  -- The truth: ledger-codec.ts says what a body is.
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    body BLOB NOT NULL
  ) STRICT;

  -- Calls that reserve nothing any more, so that an id counts once: where in the journal a call begins and ends.
  CREATE TABLE ended (
    call_id ANY PRIMARY KEY,
    held_seq INTEGER NOT NULL,
    end_seq INTEGER NOT NULL,
    adjust_seq INTEGER,
    -- Of its output, what was held when it ended; null: as at first.
    held_output INTEGER,
    -- A JSON list.
    refund_seqs TEXT
  ) STRICT, WITHOUT ROWID;

  -- The hash chain's value after some lines, so that a page can be read from the middle.
  CREATE TABLE anchor (
    seq INTEGER PRIMARY KEY,
    hash TEXT NOT NULL
  ) STRICT;

  -- What stood after one line of the journal, in pieces of one JSON text; the buckets of it lie by themselves, because
  -- of many only a few change from one snapshot to the next.
  CREATE TABLE snapshot (
    piece INTEGER PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE bucket (
    scope TEXT NOT NULL,
    window TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    -- When it was last found changed.
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (scope, window, key)
  ) STRICT, WITHOUT ROWID;

  -- The last line that was pruned: the snapshot alone stands for it and all before.
  CREATE TABLE pruned (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
  ) STRICT;`,
  `-- On which day since 1970 a word was last written into a line, so that one that no line names any more can go; null: not
  -- since this step. A version from before it does not say so of words, but its lines show by writer: while there is one
  -- that it wrote, no word goes.
  ALTER TABLE word ADD COLUMN used_day INTEGER;
  ALTER TABLE journal ADD COLUMN writer INTEGER;
  CREATE TABLE unmarked (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL
  ) STRICT;
  INSERT INTO unmarked (id, seq) SELECT 1, coalesce(max(seq), 0) FROM journal;
  CREATE TRIGGER line_unmarked AFTER INSERT ON journal WHEN new.writer IS NULL BEGIN
    UPDATE unmarked SET seq = new.seq;
  END;`,
];
