// A tenant's head inside workerd: each request teaches once, whatever comes twice, late or out of order; what it keeps is
// bounded and holds no text; it freezes, forgets, sleeps, and is one tenant's alone.
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { Head } from "../../../durable/head.ts";
import { STEPS } from "../../../durable/head-rows.ts";
import { headOf } from "../../../durable/reach.ts";
import { DECISIONS_PER_MESSAGE_MAX, type Decision } from "../../../policies/head/decision.ts";
import { GENERATION_MS } from "../../../policies/head/figures.ts";
import { advise } from "../../../policies/head/advise.ts";
import { decodeHead } from "../../../policies/head/state.ts";
import { aDecision } from "../../unit/policies/head/a-decision.ts";
import { stopClockOfEach } from "./a-clock.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const EXPECTED = { score: 0.8, outputTokens: 100 };

const clock = stopClockOfEach();

type Stub = DurableObjectStub<Head>;
const fresh = (name: string): Stub => headOf(env.HEAD, "acme", name);

/** A request of now that nobody asked before. */
function decision(changes: Partial<Decision> = {}, signals = {}): Decision {
  return aDecision(
    {
      startedAtMs: clock.nowMs - 1_000,
      endedAtMs: clock.nowMs,
      questionHash: crypto.randomUUID(),
      conversationHash: crypto.randomUUID(),
      ...changes,
    },
    signals,
  );
}

/** What was learned, as bytes; null when nothing was. */
async function state(head: Stub): Promise<Uint8Array | null> {
  return (await head.snapshot(null)).state;
}

/** Teaches forty requests that each scored this, and answers their ids. */
async function teachForty(head: Stub, score: number): Promise<string[]> {
  const decisions = Array.from({ length: 40 }, () => decision());
  await head.record(decisions, 0);
  const ids = decisions.map(({ requestId }) => requestId);
  await head.hear(ids.map((requestId) => ({ requestId, score, grader: "exact" })));
  return ids;
}

async function believed(head: Stub): Promise<number | null> {
  const bytes = await state(head);
  const learned = bytes === null ? null : decodeHead(bytes);
  const { input, arm } = decision();
  return learned === null ? null : (advise(learned, input).correct(arm, EXPECTED)?.score ?? null);
}

describe("what a head learns", () => {
  it("is nothing at first, and what its grades say after some", async () => {
    const head = fresh("learns");
    expect(await head.snapshot(null)).toEqual({ revision: 0, state: null });
    await teachForty(head, 0);
    expect(await believed(head)).toBeLessThan(0.6);
    const report = await head.report();
    expect(report).toMatchObject({ lessons: 40, decisions: 40, scored: 40, kept: 40, dropped: 0 });
  });

  it("is the same when decisions come twice, and when a grade does", async () => {
    const head = fresh("twice");
    const one = decision();
    expect(await head.record([one], 0)).toEqual({ added: 1 });
    const verdict = { requestId: one.requestId, score: 0, grader: "exact" };
    expect(await head.hear([verdict])).toEqual(["taught"]);
    const before = await state(head);
    expect(await head.record([one, one], 0)).toEqual({ added: 0 });
    expect(await head.hear([verdict, verdict])).toEqual(["same", "same"]);
    expect(await state(head)).toEqual(before);
    expect(await head.report()).toMatchObject({ lessons: 1, decisions: 1, scored: 1 });
  });

  it("puts right once what a late grade contradicts, without a second lesson", async () => {
    const [late, early] = [fresh("late"), fresh("early")];
    const decisions = Array.from({ length: 40 }, () => decision());
    const verdicts = (score: number) =>
      decisions.map(({ requestId }) => ({ requestId, score, grader: "exact" }));
    for (const head of [late, early]) await head.record(decisions, 0);
    await late.hear(verdicts(1));
    const misled = await believed(late);
    clock.advance(DAY_MS);
    await late.hear(verdicts(0));
    await early.hear(verdicts(0));
    expect(await believed(late)).toBeLessThan(misled ?? Number.NaN);
    expect(await believed(late)).toBeCloseTo((await believed(early)) ?? Number.NaN, 5);
    expect(await late.report()).toMatchObject({ lessons: 40, scored: 40 });
    expect((await late.report()).arms[0]?.score?.actual).toBe(0);
  });

  it("takes a grader's word before a client's, whichever came first", async () => {
    const head = fresh("graders");
    const [first, second] = [decision(), decision()];
    await head.record([first, second], 0);
    const client = { score: 1, grader: null };
    const grader = { score: 0, grader: "exact" };
    await head.hear([
      { requestId: first.requestId, ...client },
      { requestId: first.requestId, ...grader },
      { requestId: second.requestId, ...grader },
      { requestId: second.requestId, ...client },
    ]);
    const { scored, arms } = await head.report();
    expect(scored).toBe(2);
    expect(arms[0]?.score).toMatchObject({ n: 2, actual: 0 });
  });

  it("hears nothing of a request that it does not know", async () => {
    const head = fresh("unknown");
    const verdict = { requestId: "nobody's", score: 1, grader: null };
    expect(await head.hear([verdict])).toEqual(["unknown"]);
    expect(await head.snapshot(null)).toEqual({ revision: 0, state: null });
  });

  it.each([
    { order: "in order", reversed: false },
    { order: "told the other way round", reversed: true },
  ])("marks the first of a question that came again, $order", async ({ order, reversed }) => {
    const same = { questionHash: "same", conversationHash: "talk" };
    const first = decision({ ...same });
    const again = decision({
      ...same,
      startedAtMs: clock.nowMs + 60_000,
      endedAtMs: clock.nowMs + 61_000,
    });
    const other = decision({ ...same, conversationHash: "else", askerHash: "else" });
    const head = fresh(`again ${order}`);
    for (const one of reversed ? [again, other, first] : [first, other, again])
      await head.record([one], 0);
    expect(await retried(head)).toEqual([first.requestId]);
    expect(await head.report()).toMatchObject({ lessons: 3 });
  });

  it("does not take a question for a retry that came while the first still ran, or much later", async () => {
    const head = fresh("no retry");
    const same = { questionHash: "same", conversationHash: "talk" };
    await head.record(
      [
        decision({ ...same, startedAtMs: clock.nowMs - 2_000 }),
        decision({ ...same, startedAtMs: clock.nowMs - 1_000 }),
        decision({ ...same, startedAtMs: clock.nowMs + DAY_MS, endedAtMs: clock.nowMs + DAY_MS }),
      ],
      0,
    );
    expect(await retried(head)).toEqual([]);
  });
});

describe("drift", () => {
  /** Requests that ended in silence, and are graded right after. */
  async function grade(head: Stub, n: number, score: number): Promise<void> {
    for (let from = 0; from < n; from += DECISIONS_PER_MESSAGE_MAX) {
      const decisions = Array.from({ length: Math.min(DECISIONS_PER_MESSAGE_MAX, n - from) }, () =>
        decision(),
      );
      await head.record(decisions, 0);
      await head.hear(decisions.map(({ requestId }) => ({ requestId, score, grader: "exact" })));
    }
  }

  it("is heard of where grades that come after their answers begin to fall", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const head = fresh("drift");
    await grade(head, 400, 1);
    expect((await head.report()).drift).toEqual({ isAlarmed: false, sinceMs: null });
    clock.advance(60_000);
    await grade(head, 200, 0);
    expect((await head.report()).drift).toEqual({ isAlarmed: true, sinceMs: clock.nowMs });
    expect(logged.mock.calls.flat().join()).toContain("head-drift");
    logged.mockRestore();
  });

  it("is none where one request's word is turned again and again", async () => {
    const head = fresh("turned");
    await grade(head, 100, 1);
    const one = decision();
    await head.record([one], 0);
    for (let turn = 0; turn < 200; turn += 1)
      await head.hear([{ requestId: one.requestId, score: turn % 2, grader: null }]);
    expect((await head.report()).drift.isAlarmed).toBe(false);
  });
});

describe("what one key may move", () => {
  /** One question, and a propensity by which each counts for three. */
  const SAME = { input: aDecision().input, propensity: 1 / 3 };

  /** Ten keys whose answers were right, and then an eleventh that says this of each of its many. */
  async function told(head: Stub, words: readonly number[]): Promise<number> {
    const say = async (n: number, keyOf: (index: number) => number, said: readonly number[]) => {
      for (let from = 0; from < n; from += DECISIONS_PER_MESSAGE_MAX) {
        const decisions = Array.from({ length: DECISIONS_PER_MESSAGE_MAX }, (_, index) =>
          decision({ ...SAME, keyHash: keyOf(from + index) }),
        );
        await head.record(decisions, 0);
        const verdicts = said.flatMap((score) =>
          decisions.map(({ requestId }) => ({ requestId, score, grader: null })),
        );
        await head.hear(verdicts);
      }
    };
    await say(1_000, (index) => index % 10, [1]);
    await say(1_600, () => 11, words);
    return (await believed(head)) ?? Number.NaN;
  }

  it("is no more where it changes its mind of each of its requests", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const once = await told(fresh("one word"), [0]);
    const turned = await told(fresh("two words"), [1, 0]);
    logged.mockRestore();
    expect(once).toBeGreaterThan(0.5);
    expect(Math.abs(turned - once)).toBeLessThan(0.03);
  });
});

describe("what an operator does", () => {
  it("freezes it: it advises as it did, counts on, and learns nothing until it is unfrozen", async () => {
    const head = fresh("frozen");
    await teachForty(head, 0);
    const before = await state(head);
    expect(await head.act("freeze", "ops", true)).toEqual({ changes: true });
    expect((await head.report()).isFrozen).toBe(false);
    expect(await head.act("freeze", "ops", false)).toEqual({ changes: true });
    expect(await head.act("freeze", "ops", false)).toEqual({ changes: false });
    const late = decision();
    await head.record([late], 0);
    const verdict = { requestId: late.requestId, score: 1, grader: null };
    expect(await head.hear([verdict])).toEqual(["kept"]);
    expect(await state(head)).toEqual(before);
    expect(await head.report()).toMatchObject({
      isFrozen: true,
      lessons: 40,
      decisions: 41,
      scored: 41,
    });
    await head.act("unfreeze", "ops", false);
    await head.hear([{ ...verdict, score: 0.5 }]);
    expect(await state(head)).not.toEqual(before);
    expect((await head.report()).acts.map(({ act, actor }) => ({ act, actor }))).toEqual([
      { act: "unfreeze", actor: "ops" },
      { act: "freeze", actor: "ops" },
    ]);
  });

  it("resets it to nothing, which whoever has a copy hears by its revision", async () => {
    const head = fresh("reset");
    const [first = ""] = await teachForty(head, 0);
    const { revision } = await head.snapshot(null);
    expect(await head.snapshot(revision)).toEqual({ revision, state: null });
    expect(await head.act("reset", "ops", true)).toEqual({ changes: true });
    expect(await state(head)).not.toBeNull();
    await head.act("reset", "ops", false);
    const after = await head.snapshot(revision);
    expect(after.state).toBeNull();
    expect(after.revision).toBeGreaterThan(revision);
    expect(await head.hear([{ requestId: first, score: 1, grader: null }])).toEqual(["unknown"]);
    expect(await head.report()).toMatchObject({ lessons: 0, decisions: 0, scored: 0, kept: 0 });
    expect(await head.act("reset", "ops", false)).toEqual({ changes: false });
  });
});

describe("what a head keeps", () => {
  it("stays across a sleep", async () => {
    const head = fresh("sleeps");
    await teachForty(head, 0);
    const [before, report] = [await head.snapshot(null), await head.report()];
    await evictDurableObject(head);
    expect(await head.snapshot(null)).toEqual(before);
    expect(await head.report()).toEqual(report);
  });

  it("forgets decisions by alarm after a week, and nothing that it learned of them", async () => {
    const head = fresh("week");
    const [first = ""] = await teachForty(head, 0);
    const before = await state(head);
    clock.advance(7 * DAY_MS - 1);
    await runDurableObjectAlarm(head);
    expect((await head.report()).kept).toBe(40);
    clock.advance(1);
    await runDurableObjectAlarm(head);
    expect((await head.report()).kept).toBe(0);
    expect(await head.hear([{ requestId: first, score: 1, grader: null }])).toEqual(["unknown"]);
    expect(await state(head)).toEqual(before);
  });

  it("keeps at most so many decisions, the newest", async () => {
    const head = fresh("many");
    const [oldest, older, newest] = [decision(), decision(), decision()];
    await head.record([oldest, older], 0);
    await runInDurableObject(head, (_, { storage }) => {
      // As if twenty thousand had come between the two.
      storage.sql.exec("UPDATE decision SET seq = 20001 WHERE request_id = ?", older.requestId);
    });
    await head.record([newest], 0);
    const verdicts = [oldest, older, newest].map(({ requestId }) => ({
      requestId,
      score: 1,
      grader: null,
    }));
    expect(await head.hear(verdicts)).toEqual(["unknown", "taught", "taught"]);
    expect((await head.report()).kept).toBe(2);
  });

  it("passes over a decision that is larger than any should be, and says so", async () => {
    const head = fresh("large");
    const large = decision({ conversationHash: "x".repeat(5_000) });
    expect(await head.record([large, decision()], 3)).toEqual({ added: 1 });
    expect(await head.report()).toMatchObject({ decisions: 1, dropped: 4 });
  });

  it("counts in two generations, so that old figures go and a late grade finds its own", async () => {
    const head = fresh("generations");
    await teachForty(head, 1);
    clock.advance(GENERATION_MS - DAY_MS);
    const [id = ""] = [decision()].map(({ requestId }) => requestId);
    await head.record([decision({ requestId: id })], 0);
    clock.advance(2 * DAY_MS);
    await head.record([decision()], 0);
    expect(await head.report()).toMatchObject({ decisions: 42, scored: 40 });
    await head.hear([{ requestId: id, score: 1, grader: null }]);
    expect(await head.report()).toMatchObject({ decisions: 42, scored: 41 });
    clock.advance(GENERATION_MS);
    await head.record([decision()], 0);
    expect(await head.report()).toMatchObject({ decisions: 2, scored: 0 });
  });

  it("is of numbers and hashes: no column is of text that came from a client", async () => {
    const head = fresh("columns");
    await head.record([decision()], 0);
    await runInDurableObject(head, (_, { storage }) => {
      const [row] = storage.sql.exec("SELECT * FROM decision").toArray();
      const { request_id: _id, input: _input, told, ...rest } = row ?? {};
      expect(
        typeof told === "string" && Object.keys(JSON.parse(told) as object).toSorted(),
      ).toEqual(
        "arm askerHash believed candidates conversationHash endedAtMs input isAsked keyHash penalty prior propensity questionHash requestId signals startedAtMs".split(
          " ",
        ),
      );
      const texts = Object.entries(rest).filter(([, value]) => typeof value === "string");
      expect(texts.map(([name]) => name).toSorted()).toEqual([
        "asker_hash",
        "conversation_hash",
        "question_hash",
      ]);
    });
  });

  it("is another for another tenant, and for another policy", async () => {
    const head = fresh("shared");
    const [first = ""] = await teachForty(head, 0);
    for (const other of [
      headOf(env.HEAD, "bolt", "shared"),
      headOf(env.HEAD, "acme", "shared-2"),
    ]) {
      expect(await state(other)).toBeNull();
      expect(await other.hear([{ requestId: first, score: 1, grader: null }])).toEqual(["unknown"]);
    }
  });

  it("begins anew where what was learned is of another version, and still knows its decisions", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const head = fresh("version");
    const [first = ""] = await teachForty(head, 0);
    await runInDurableObject(head, (_, { storage }) => {
      storage.sql.exec("UPDATE head SET state = ?", new Uint8Array([255, 0, 1, 2]).buffer);
    });
    await evictDurableObject(head);
    expect(await state(head)).toBeNull();
    expect(logged.mock.calls.flat().join()).toContain("head-forgotten");
    expect(await head.report()).toMatchObject({ lessons: 0, decisions: 40, kept: 40 });
    expect(await head.hear([{ requestId: first, score: 1, grader: null }])).toEqual(["taught"]);
  });

  it("takes no step of its schema twice", async () => {
    const head = fresh("schema");
    await head.record([decision()], 0);
    await evictDurableObject(head);
    await runInDurableObject(head, (_, { storage }) => {
      const [row] = storage.sql.exec<{ version: number }>("SELECT version FROM schema").toArray();
      expect(row?.version).toBe(STEPS.length);
    });
    expect((await head.report()).kept).toBe(1);
  });

  it.each([
    [
      "more decisions than a message has",
      () => Array.from({ length: DECISIONS_PER_MESSAGE_MAX + 1 }, () => decision()),
    ],
    ["a number that is none", () => [decision({ penalty: Number.NaN })]],
    [
      "an arm that could never have been drawn",
      () => [decision({ candidates: [{ arm: "m/short", propensity: 0, utility: 1 }] })],
    ],
    [
      "more values than a query has",
      () => [decision({ input: { version: 1, family: 0, values: new Float32Array(513) } })],
    ],
  ])("refuses %s, and keeps nothing of the message", async (what, decisions) => {
    const head = fresh(what);
    await runInDurableObject(head, (instance: Head) => {
      expect(() => instance.record(decisions(), 0)).toThrow(RangeError);
    });
    expect((await head.report()).decisions).toBe(0);
  });
});

async function retried(head: Stub): Promise<string[]> {
  return runInDurableObject(head, (_, { storage }) =>
    storage.sql
      .exec<{ request_id: string }>("SELECT request_id FROM decision WHERE was_retried = 1")
      .toArray()
      .map(({ request_id }) => request_id),
  );
}
