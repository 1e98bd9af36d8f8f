// What one tenant's clients say of answers, and what the gateway says to it of its prompts: a score for a request, kept
// until the journal that explains it is gone, and findings of a day. Apart from the ledger, because neither is money;
// whether a request is the tenant's is the ledger's to say.
import { DurableObject } from "cloudflare:workers";
import type { ModelFinding } from "../policies/prefix/findings.ts";
import { migrate } from "./migrate.ts";
import {
  findingsEndMs,
  forgetFindings,
  keepFindings,
  PROMPT_FINDINGS_STEP,
  readFindings,
} from "./prompt-findings.ts";

/** As long as the ledger keeps the request's own lines: 70 days. */
const KEPT_MS = 70 * 24 * 60 * 60 * 1000;
const PRUNED_PER_ALARM_MAX = 1000;
/** Nobody waits for it: what is too old is read by nobody, whether it is still there or not. */
const PRUNE_PAUSE_MS = 60 * 60 * 1000;
const READ_MAX = 1000;

const STEPS = [
  `CREATE TABLE feedback (
request_id TEXT PRIMARY KEY,
at_ms INTEGER NOT NULL,
key_id TEXT NOT NULL,
score REAL NOT NULL,
comment TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_at ON feedback (at_ms);`,
  PROMPT_FINDINGS_STEP,
];

export interface Opinion {
  readonly requestId: string;
  readonly keyId: string;
  /** 0 is useless, 1 is as good as could be. */
  readonly score: number;
  readonly comment: string | null;
}

export interface KeptOpinion extends Opinion {
  readonly atMs: number;
}

export class Feedback extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, STEPS);
  }

  /** Keeps an opinion; a later one of the same request replaces it, so that a client may change its mind. */
  keep({ requestId, keyId, score, comment }: Opinion): { readonly isFirst: boolean } {
    const atMs = Date.now();
    return this.ctx.storage.transactionSync(() => {
      const { sql } = this.ctx.storage;
      const isFirst =
        sql.exec("SELECT 1 FROM feedback WHERE request_id = ?", requestId).toArray().length === 0;
      sql.exec(
        "INSERT INTO feedback (request_id, at_ms, key_id, score, comment) VALUES (?, ?, ?, ?, ?) " +
          "ON CONFLICT (request_id) DO UPDATE SET " +
          "at_ms = excluded.at_ms, key_id = excluded.key_id, score = excluded.score, comment = excluded.comment",
        requestId,
        atMs,
        keyId,
        score,
        comment,
      );
      void this.#arm(atMs + KEPT_MS);
      return { isFirst };
    });
  }

  /** Opinions behind a place, which is when one came and of which request; oldest first, at most 1,000. */
  list(afterMs: number, afterRequestId: string, max: number): KeptOpinion[] {
    return this.ctx.storage.sql
      .exec<{
        request_id: string;
        at_ms: number;
        key_id: string;
        score: number;
        comment: string | null;
      }>(
        "SELECT * FROM feedback WHERE (at_ms, request_id) > (?, ?) ORDER BY at_ms, request_id LIMIT ?",
        afterMs,
        afterRequestId,
        Math.max(1, Math.min(max, READ_MAX)),
      )
      .toArray()
      .map((row) => ({
        requestId: row.request_id,
        atMs: row.at_ms,
        keyId: row.key_id,
        score: row.score,
        comment: row.comment,
      }));
  }

  /** Keeps all that an isolate has found of prompts so far, in place of what it told before. */
  keepFindings(isolate: string, findings: readonly ModelFinding[]): void {
    const nowMs = Date.now();
    this.ctx.storage.transactionSync(() => {
      forgetFindings(this.ctx.storage.sql, nowMs);
      keepFindings(this.ctx.storage.sql, isolate, findings, nowMs);
      void this.#arm(findingsEndMs(this.ctx.storage.sql) ?? nowMs);
    });
  }

  /** Of every isolate that told within the last day. */
  promptFindings(): ModelFinding[] {
    return readFindings(this.ctx.storage.sql, Date.now());
  }

  /** Forgets what is old. At least once and perhaps late; nothing depends on when. */
  override async alarm(): Promise<void> {
    this.ctx.storage.sql.exec(
      "DELETE FROM feedback WHERE request_id IN " +
        "(SELECT request_id FROM feedback WHERE at_ms <= ? ORDER BY at_ms LIMIT ?)",
      Date.now() - KEPT_MS,
      PRUNED_PER_ALARM_MAX,
    );
    forgetFindings(this.ctx.storage.sql, Date.now());
    const [oldest] = this.ctx.storage.sql
      .exec<{ at_ms: number | null }>("SELECT MIN(at_ms) AS at_ms FROM feedback")
      .toArray();
    const ends = [findingsEndMs(this.ctx.storage.sql), endMs(oldest?.at_ms ?? null)];
    const nextMs = Math.min(...ends.map((end) => end ?? Infinity));
    if (nextMs < Infinity)
      await this.ctx.storage.setAlarm(Math.max(Date.now() + PRUNE_PAUSE_MS, nextMs));
  }

  async #arm(dueMs: number): Promise<void> {
    const armedMs = await this.ctx.storage.getAlarm();
    if (armedMs === null || armedMs > dueMs) await this.ctx.storage.setAlarm(dueMs);
  }
}

function endMs(atMs: number | null): number | null {
  return atMs === null ? null : atMs + KEPT_MS;
}
