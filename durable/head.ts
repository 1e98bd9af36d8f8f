// The head of one tenant under one policy: what their own traffic taught about the policy's arms, and the decisions of late,
// so that feedback and grades that come later teach once, or put right once what was taught before. Each operation is one
// synchronous turn in one transaction.
import { DurableObject } from "cloudflare:workers";
import { lessonOf, type Decision, type Heard, type Verdict } from "../policies/head/decision.ts";
import { driftOf } from "../policies/head/drift.ts";
import { countDecision, countScore, together } from "../policies/head/figures.ts";
import { judge } from "../policies/head/judge.ts";
import { amend, teach, type Taught } from "../policies/head/learn.ts";
import { reportOf, type RouterReport } from "../policies/head/report.ts";
import { encodeHead } from "../policies/head/state.ts";
import { freshMemory, readMemory, turnFigures, writeMemory, type Memory } from "./head-memory.ts";
import { checkDecisions, checkVerdicts } from "./head-request.ts";
import { DecisionBook, readDecision, STEPS, type DecisionRow, type Standing } from "./head-rows.ts";
import { logError } from "./log.ts";
import { migrate } from "./migrate.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** As long as figures of one generation: what is scored later has no figures to be counted in. */
const KEPT_MS = 7 * DAY_MS;
/** With the bound on each, at most 80 MB of an object's 10 GB; a week of a decision in half a minute. */
const DECISIONS_MAX = 20_000;
/** A usual decision takes one kilobyte. */
const DECISION_BYTES_MAX = 4_000;
const PRUNED_PER_ALARM_MAX = 5_000;
/** The same question again within this is a retry, and tells that its first answer was none. */
const RETRY_MS = 5 * 60_000;
/** Who froze and reset it, for the operator. */
const ACTS_MAX = 50;

export interface Snapshot {
  readonly revision: number;
  /** Null: nothing was learned, or the caller has this revision already. */
  readonly state: Uint8Array | null;
}

export interface HeadReport extends RouterReport {
  readonly isFrozen: boolean;
  readonly lessons: number;
  /** Decisions that can still be scored. */
  readonly kept: number;
  readonly drift: { readonly isAlarmed: boolean; readonly sinceMs: number | null };
  /** Newest first. */
  readonly acts: readonly { readonly atMs: number; readonly actor: string; readonly act: string }[];
}

export type HeadAct = "freeze" | "unfreeze" | "reset";

export class Head extends DurableObject<Env> {
  readonly #book: DecisionBook;
  #memory: Memory | null = null;
  #isArmed = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, STEPS);
    this.#book = new DecisionBook(ctx.storage.sql);
  }

  /** Keeps decisions and learns from them. One that is known already is nothing. `dropped`: others that never came. */
  record(decisions: readonly Decision[], dropped: number): { readonly added: number } {
    checkDecisions(decisions, dropped);
    return this.#turn((memory, nowMs) => {
      turnFigures(memory, nowMs);
      memory.figures.dropped += dropped;
      let added = 0;
      for (const decision of decisions) if (this.#take(memory, decision)) added += 1;
      this.#book.keepNewest(DECISIONS_MAX);
      return { added };
    });
  }

  /** Hears what is thought of answers, in this order. A later word of the same kind takes the place of an earlier one. */
  hear(verdicts: readonly Verdict[]): Heard[] {
    checkVerdicts(verdicts);
    // A tenant's other heads are asked for what one does not know, and nothing comes of it there.
    if (verdicts.every(({ requestId }) => this.#book.find(requestId) === null))
      return verdicts.map(() => "unknown");
    return this.#turn((memory) => verdicts.map((verdict) => this.#hear(memory, verdict)));
  }

  /** What was learned, unless the caller has this revision. */
  snapshot(knownRevision: number | null): Snapshot {
    const { revision, lessons, learned } = this.#read();
    const isNews = revision !== knownRevision && lessons > 0;
    return { revision, state: isNews ? encodeHead(learned) : null };
  }

  /** A frozen head advises as it did and learns nothing. A reset forgets lessons, decisions and figures, and stays frozen. */
  act(act: HeadAct, actor: string, isDryRun: boolean): { readonly changes: boolean } {
    const before = this.#read();
    const changes =
      act === "reset"
        ? before.lessons > 0 || before.figures.decisions > 0 || before.earlier !== null
        : before.isFrozen !== (act === "freeze");
    if (isDryRun || !changes) return { changes };
    return this.#turn((memory, nowMs) => {
      if (act === "reset") {
        Object.assign(memory, freshMemory(memory.revision, memory.isFrozen, nowMs));
        this.#book.clear();
      } else memory.isFrozen = act === "freeze";
      memory.revision += 1;
      const { sql } = this.ctx.storage;
      sql.exec("INSERT INTO act (at_ms, actor, act) VALUES (?, ?, ?)", nowMs, actor, act);
      sql.exec("DELETE FROM act WHERE seq <= (SELECT max(seq) FROM act) - ?", ACTS_MAX);
      return { changes };
    });
  }

  report(): HeadReport {
    const { figures, earlier, isFrozen, lessons, learned } = this.#read();
    const acts = this.ctx.storage.sql
      .exec<{ at_ms: number; actor: string; act: string }>("SELECT * FROM act ORDER BY seq DESC")
      .toArray()
      .map(({ at_ms: atMs, actor, act }) => ({ atMs, actor, act }));
    return {
      ...reportOf(together(earlier, figures)),
      isFrozen,
      lessons,
      kept: this.#book.count(),
      drift: driftOf(learned),
      acts,
    };
  }

  /** Forgets what is old. At least once and perhaps late; nothing depends on when. */
  override async alarm(): Promise<void> {
    this.#isArmed = false;
    const nowMs = Date.now();
    const oldestMs = this.#book.dropUntil(nowMs - KEPT_MS, PRUNED_PER_ALARM_MAX);
    if (oldestMs === null) return;
    const isBehind = oldestMs <= nowMs - KEPT_MS;
    await this.ctx.storage.setAlarm(
      isBehind ? nowMs + 1_000 : Math.max(nowMs + DAY_MS, oldestMs + KEPT_MS),
    );
  }

  #take(memory: Memory, decision: Decision): boolean {
    const { input, ...rest } = decision;
    const { version, family } = input;
    const told = JSON.stringify({ ...rest, input: { version, family } });
    if (told.length + input.values.byteLength > DECISION_BYTES_MAX) {
      memory.figures.dropped += 1;
      return false;
    }
    const row = this.#book.add(decision, told, memory.figures.generation);
    if (row === null) return false;
    countDecision(memory.figures, decision);
    const again = this.#book.after(row, RETRY_MS);
    const standing = again === null ? row : retried(decision, row, again);
    this.#settle(memory, row, decision, standing);
    const first = this.#book.before(row, RETRY_MS);
    if (first !== null && first.was_retried === 0) {
      const earlier = readDecision(first);
      this.#settle(memory, first, earlier, retried(earlier, first, row));
    }
    return true;
  }

  #hear(memory: Memory, { requestId, score, grader }: Verdict): Heard {
    const row = this.#book.find(requestId);
    if (row === null) return "unknown";
    const column = grader === null ? "feedback" : "grade";
    if (row[column] === score) return "same";
    const decision = readDecision(row);
    const standing = { ...row, [column]: score };
    this.#count(memory, row, decision, standing);
    return this.#settle(memory, row, decision, standing) ? "taught" : "kept";
  }

  /** Counts the score in the figures that count the decision, in the place of an earlier one. */
  #count(memory: Memory, row: DecisionRow, decision: Decision, standing: Standing): void {
    const { figures, earlier } = memory;
    const counted = [figures, earlier].find((one) => one?.generation === row.generation);
    if (counted === undefined || counted === null) return;
    const before = scoreOf(row);
    const after = scoreOf(standing);
    if (before === after) return;
    if (before !== null) countScore(counted, decision, before, -1);
    if (after !== null) countScore(counted, decision, after, 1);
  }

  /** Writes how a decision stands and teaches it so, in the place of what it taught before. Answers whether it taught. */
  #settle(memory: Memory, row: DecisionRow, decision: Decision, standing: Standing): boolean {
    const next = { ...standing };
    let teaches = false;
    if (!memory.isFrozen) {
      const judged = judge({
        ...decision.signals,
        wasRetried: standing.was_retried === 1,
        wasEscalated: decision.signals.wasEscalated || standing.was_escalated === 1,
        feedback: standing.feedback,
        grade: standing.grade,
      });
      const score = judged?.score ?? null;
      const weight = judged?.weight ?? null;
      teaches = row.is_taught === 0 || row.taught_score !== score || row.taught_weight !== weight;
      if (teaches) {
        const lesson = lessonOf(decision, judged);
        const { added, halvings } =
          row.is_taught === 0
            ? teach(memory.learned, lesson)
            : amend(memory.learned, taughtOf(row), lesson);
        if (row.is_taught === 0) memory.lessons += 1;
        memory.revision += 1;
        Object.assign(next, {
          is_taught: 1,
          taught_score: score,
          taught_weight: weight,
          taught_added: added,
          taught_halvings: halvings,
        });
      }
    }
    this.#book.update(row.seq, next);
    return teaches;
  }

  #read(): Memory {
    this.#memory ??= readMemory(this.ctx.storage.sql, Date.now());
    return this.#memory;
  }

  /** A throw rolls storage back; memory may be half-way then, and is read anew. */
  #turn<T>(act: (memory: Memory, nowMs: number) => T): T {
    try {
      return this.ctx.storage.transactionSync(() => {
        const memory = this.#read();
        const wasAlarmed = driftOf(memory.learned).isAlarmed;
        const answer = act(memory, Date.now());
        writeMemory(this.ctx.storage.sql, memory);
        void this.#arm();
        if (!wasAlarmed && driftOf(memory.learned).isAlarmed)
          logError("head-drift", { head: this.ctx.id.name });
        return answer;
      });
    } catch (error) {
      this.#memory = null;
      throw error;
    }
  }

  async #arm(): Promise<void> {
    if (this.#isArmed) return;
    this.#isArmed = true;
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + KEPT_MS);
  }
}

/** What somebody said: the operator's grader outranks the client. */
function scoreOf({ grade, feedback }: Pick<Standing, "grade" | "feedback">): number | null {
  return grade ?? feedback;
}

function taughtOf(row: DecisionRow): Taught {
  return {
    score: row.taught_score,
    weight: row.taught_weight ?? 0,
    added: row.taught_added ?? 0,
    halvings: row.taught_halvings ?? 0,
  };
}

/** As asked again, and by whoever named a dearer mode then, as asked for more. */
function retried(first: Decision, row: DecisionRow, again: DecisionRow): Standing {
  const { isAsked, prior } = readDecision(again);
  const wasEscalated = isAsked && prior.score > first.prior.score;
  return { ...row, was_retried: 1, was_escalated: wasEscalated ? 1 : row.was_escalated };
}
