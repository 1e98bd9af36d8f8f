// What a head stores: one row of what was learned, and the decisions of late, so that a score that comes later finds what it
// is a score of. No column holds text of a question or an answer.
import type { Decision } from "../policies/head/decision.ts";

export const STEPS = [
  `CREATE TABLE head (
id INTEGER PRIMARY KEY CHECK (id = 1),
revision INTEGER NOT NULL,
lessons INTEGER NOT NULL,
is_frozen INTEGER NOT NULL,
state BLOB,
figures TEXT NOT NULL,
earlier TEXT
) STRICT;
CREATE TABLE decision (
seq INTEGER PRIMARY KEY,
request_id TEXT NOT NULL UNIQUE,
ended_at_ms INTEGER NOT NULL,
started_at_ms INTEGER NOT NULL,
question_hash TEXT NOT NULL,
asker_hash TEXT NOT NULL,
conversation_hash TEXT NOT NULL,
told TEXT NOT NULL,
input BLOB NOT NULL,
generation INTEGER NOT NULL,
was_retried INTEGER NOT NULL,
was_escalated INTEGER NOT NULL,
feedback REAL,
grade REAL,
is_taught INTEGER NOT NULL,
taught_score REAL,
taught_weight REAL
) STRICT;
CREATE INDEX decision_question ON decision (question_hash, started_at_ms);
CREATE INDEX decision_ended ON decision (ended_at_ms);
CREATE TABLE act (
seq INTEGER PRIMARY KEY,
at_ms INTEGER NOT NULL,
actor TEXT NOT NULL,
act TEXT NOT NULL
) STRICT;`,
  // What stands as taught without them was taught to a state of another layout, which is forgotten with it.
  `ALTER TABLE decision ADD COLUMN taught_added REAL;
ALTER TABLE decision ADD COLUMN taught_halvings REAL;`,
];

export interface DecisionRow extends Record<string, SqlStorageValue> {
  readonly seq: number;
  readonly request_id: string;
  readonly ended_at_ms: number;
  readonly started_at_ms: number;
  readonly asker_hash: string;
  readonly conversation_hash: string;
  readonly question_hash: string;
  readonly told: string;
  readonly input: ArrayBuffer;
  /** Of the figures that count it. */
  readonly generation: number;
  readonly was_retried: number;
  readonly was_escalated: number;
  readonly feedback: number | null;
  readonly grade: number | null;
  readonly is_taught: number;
  /** What it was last taught as; null: its tokens alone. */
  readonly taught_score: number | null;
  readonly taught_weight: number | null;
  /** What of that weight came to the arm, and the arm's halvings then. */
  readonly taught_added: number | null;
  readonly taught_halvings: number | null;
}

/** The columns that change after a decision was written. */
export type Standing = Pick<
  DecisionRow,
  "was_retried" | "was_escalated" | "feedback" | "grade" | "is_taught"
> &
  Pick<DecisionRow, "taught_score" | "taught_weight" | "taught_added" | "taught_halvings">;

export function readDecision(row: DecisionRow): Decision {
  const told = JSON.parse(row.told) as Omit<Decision, "input"> & {
    readonly input: Omit<Decision["input"], "values">;
  };
  return { ...told, input: { ...told.input, values: new Float32Array(row.input) } };
}

/** Asked by the same caller or in the same conversation, and not by the row itself, which each adds. */
const SAME_QUESTION =
  "SELECT * FROM decision WHERE question_hash = ? AND (asker_hash = ? OR conversation_hash = ?) ";

export class DecisionBook {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(requestId: string): DecisionRow | null {
    return this.#one("SELECT * FROM decision WHERE request_id = ?", requestId);
  }

  /** The row; null when it is written already. `told`: the decision without its input's values. */
  add(decision: Decision, told: string, generation: number): DecisionRow | null {
    const { requestId, startedAtMs, endedAtMs, questionHash, askerHash, conversationHash } =
      decision;
    return this.#one(
      "INSERT INTO decision (request_id, ended_at_ms, started_at_ms, question_hash, asker_hash, conversation_hash, told, " +
        "input, generation, was_retried, was_escalated, is_taught) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0) ON CONFLICT (request_id) DO NOTHING RETURNING *",
      requestId,
      endedAtMs,
      startedAtMs,
      questionHash,
      askerHash,
      conversationHash,
      told,
      decision.input.values.slice().buffer,
      generation,
    );
  }

  /** The last answer to the same question of the same caller that had ended, and not long ago, when this one was asked. */
  before(row: DecisionRow, windowMs: number): DecisionRow | null {
    return this.#one(
      SAME_QUESTION +
        "AND ended_at_ms <= ? AND ended_at_ms >= ? AND seq <> ? ORDER BY ended_at_ms DESC LIMIT 1",
      row.question_hash,
      row.asker_hash,
      row.conversation_hash,
      row.started_at_ms,
      row.started_at_ms - windowMs,
      row.seq,
    );
  }

  /** The first time that the same question was asked again; it may have been told first. */
  after(row: DecisionRow, windowMs: number): DecisionRow | null {
    return this.#one(
      SAME_QUESTION +
        "AND started_at_ms >= ? AND started_at_ms <= ? AND seq <> ? ORDER BY started_at_ms LIMIT 1",
      row.question_hash,
      row.asker_hash,
      row.conversation_hash,
      row.ended_at_ms,
      row.ended_at_ms + windowMs,
      row.seq,
    );
  }

  update(seq: number, standing: Standing): void {
    this.#sql.exec(
      "UPDATE decision SET was_retried = ?, was_escalated = ?, feedback = ?, grade = ?, is_taught = ?, taught_score = ?, " +
        "taught_weight = ?, taught_added = ?, taught_halvings = ? WHERE seq = ?",
      standing.was_retried,
      standing.was_escalated,
      standing.feedback,
      standing.grade,
      standing.is_taught,
      standing.taught_score,
      standing.taught_weight,
      standing.taught_added,
      standing.taught_halvings,
      seq,
    );
  }

  /** Keeps the newest `max` rows; they are numbered without gaps. */
  keepNewest(max: number): void {
    this.#sql.exec(
      "DELETE FROM decision WHERE seq <= (SELECT coalesce(max(seq), 0) FROM decision) - ?",
      max,
    );
  }

  /** At most `max` of those that ended up to then. Answers when the oldest ended that stays; null: none does. */
  dropUntil(endedAtMs: number, max: number): number | null {
    this.#sql.exec(
      "DELETE FROM decision WHERE seq IN " +
        "(SELECT seq FROM decision WHERE ended_at_ms <= ? ORDER BY ended_at_ms LIMIT ?)",
      endedAtMs,
      max,
    );
    const [oldest] = this.#sql
      .exec<{ at_ms: number | null }>("SELECT min(ended_at_ms) AS at_ms FROM decision")
      .toArray();
    return oldest?.at_ms ?? null;
  }

  count(): number {
    const [row] = this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM decision").toArray();
    return row?.n ?? 0;
  }

  clear(): void {
    this.#sql.exec("DELETE FROM decision");
  }

  #one(statement: string, ...bindings: SqlStorageValue[]): DecisionRow | null {
    return this.#sql.exec<DecisionRow>(statement, ...bindings).toArray()[0] ?? null;
  }
}
