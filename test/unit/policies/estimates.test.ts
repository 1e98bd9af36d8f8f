// Where an arm's estimate comes from, what a switch costs, how long an answer takes, and what a hard question is worth.
import { describe, expect, test } from "vitest";
import { parseCatalog, type Catalog, type Model } from "../../../policies/catalog.ts";
import type { Question } from "../../../policies/choice.ts";
import type { Correction } from "../../../policies/head/head.ts";
import { armName } from "../../../policies/mode.ts";
import {
  after,
  asks,
  CATALOG,
  choice,
  COMMON_SENSE,
  first,
  policy,
  question,
  readSeed,
  TALK,
  WORD_PROBLEM,
} from "./choose-questions.ts";

const says = (arms: Readonly<Record<string, Partial<Correction>>>) => ({
  advice: {
    correct: (arm: { model: string; mode: string | null }) => {
      const said = arms[`${arm.model}/${arm.mode ?? "as-sent"}`];
      return said === undefined
        ? null
        : { score: 0.5, outputTokens: 100, evidence: 80, halfWidth: 0.05, ...said };
    },
  },
});

function estimateOf(asked: Parameters<typeof choice>[0], name: string) {
  const found = choice(asked).weighed.find(({ arm }) => armName(arm) === name);
  if (found === undefined) throw new Error(`${name} was not weighed.`);
  return found;
}

describe("advice", () => {
  test("corrects score and tokens of the arm that it knows, and the others keep their priors", () => {
    const advised = question(COMMON_SENSE, says({ "small/direct": { score: 0.31 } }));
    expect(estimateOf(advised, "small/direct").estimate).toMatchObject({
      score: 0.31,
      outputTokens: 100,
      from: { kind: "learned", evidence: 80, halfWidth: 0.05 },
    });
    const plain = question(COMMON_SENSE);
    expect(estimateOf(advised, "deep/long")).toEqual(estimateOf(plain, "deep/long"));
    expect(estimateOf(plain, "deep/long").estimate.from).toEqual({ kind: "prior" });
  });

  test("changes the choice, and the reason says how much evidence stands behind it", () => {
    expect(first(question(COMMON_SENSE))).toBe("small/direct");
    const [rung] = choice(
      question(
        COMMON_SENSE,
        says({ "small/direct": { score: 0.1 }, "small/short": { score: 0.95 } }),
      ),
    ).ladder;
    expect(armName(rung.arm)).toBe("small/short");
    expect(rung.reason.sentence).toContain("by 80 lessons, give or take 0.05");
    expect(choice(question(COMMON_SENSE)).ladder[0].reason.sentence).toContain("by the priors");
  });

  test.each([
    ["no number", { score: Number.NaN }],
    ["no count of tokens", { outputTokens: -1 }],
    ["no end", { outputTokens: Infinity }],
    ["nothing behind it", { evidence: 0 }],
  ])("with %s is not believed", (_, wrong) => {
    const advised = question(COMMON_SENSE, says({ "small/direct": wrong }));
    expect(choice(advised)).toEqual(choice(question(COMMON_SENSE)));
  });

  test("passes no cap and no score beyond 0 and 1", () => {
    const wild = says({ "small/direct": { score: 7, outputTokens: 1e9 } });
    const { estimate } = estimateOf(question(COMMON_SENSE, wild), "small/direct");
    expect(estimate.score).toBe(1);
    expect(estimate.outputTokens).toBe(policy({}).capTokens.direct);
  });

  test("lifts a format's prior only once the arm has shown that it is right more often than not", () => {
    const ruledOut = (said: Partial<Correction>) =>
      estimateOf(question(WORD_PROBLEM, says({ "small/direct": said })), "small/direct").ruledOut;
    expect(ruledOut({ score: 0.8, evidence: 200, halfWidth: 0.06 })).toBeNull();
    expect(ruledOut({ score: 0.8, evidence: 20, halfWidth: 0.06 })).toMatch(/several steps/);
    expect(ruledOut({ score: 0.55, evidence: 200, halfWidth: 0.06 })).toMatch(/several steps/);
  });
});

describe("a switch within a conversation", () => {
  const eager = policy({ lambda: 0.02, switchMargin: 0.01 });
  const long = { policy: eager, lambda: 0.02, inputTokens: 10_000 };
  const deep = CATALOG.models.find(({ id }) => id === "deep")!.prices!;
  const mid = CATALOG.models.find(({ id }) => id === "mid")!.prices!;

  test("pays for reading the prefix afresh, which staying reads at the cached price", () => {
    const asked = question(WORD_PROBLEM, {
      ...long,
      ...after("mid/short", { prefixTokens: 8000 }),
    });
    const cold = question(WORD_PROBLEM, long);
    const costOf = (of: typeof asked, name: string) => estimateOf(of, name).estimate;
    expect(costOf(asked, "deep/long").rereadNanos).toBe((8000 * deep.inputNanosPerMtok) / 1e6);
    expect(costOf(asked, "deep/long").costNanos).toBe(costOf(cold, "deep/long").costNanos);
    expect(costOf(asked, "mid/short").rereadNanos).toBe(0);
    expect(costOf(cold, "mid/short").costNanos - costOf(asked, "mid/short").costNanos).toBe(
      (8000 * (mid.inputNanosPerMtok - mid.cachedInputNanosPerMtok)) / 1e6,
    );
    expect(costOf(cold, "deep/long").rereadNanos).toBe(0);
  });

  const known = (tokens: number, isWhole = true) => ({ tokens, isWhole });
  const held = (...entries: [string, ReturnType<typeof known>][]) => ({ cached: new Map(entries) });
  const costsOf = (asked: Question, name: string) => estimateOf(asked, name).estimate;
  const fresh = question(WORD_PROBLEM, long);
  const going = { ...long, ...after("mid/short", { prefixTokens: 8000 }) };

  test("reads at the cached price what any model's provider is expected to hold, in a new conversation too", () => {
    const warm = question(WORD_PROBLEM, { ...long, ...held(["deep", known(6000)]) });
    expect(costsOf(warm, "deep/long")).toMatchObject({ cachedTokens: 6000, rereadNanos: 0 });
    expect(costsOf(fresh, "deep/long").costNanos - costsOf(warm, "deep/long").costNanos).toBe(
      (6000 * (deep.inputNanosPerMtok - deep.cachedInputNanosPerMtok)) / 1e6,
    );
    expect(costsOf(warm, "mid/short")).toEqual(costsOf(fresh, "mid/short"));
  });

  test("reads again only what the last model holds and the other does not", () => {
    const both = held(["mid", known(7000)], ["deep", known(6000)]);
    const asked = question(WORD_PROBLEM, { ...going, ...both });
    expect(costsOf(asked, "mid/short")).toMatchObject({ cachedTokens: 7000, rereadNanos: 0 });
    expect(costsOf(asked, "deep/long").rereadNanos).toBe((1000 * deep.inputNanosPerMtok) / 1e6);
  });

  test("pays in full on the last model as well, when its cache is known to hold nothing any more", () => {
    const asked = question(WORD_PROBLEM, { ...going, ...held(["mid", known(0)]) });
    expect(costsOf(asked, "mid/short").costNanos).toBe(costsOf(fresh, "mid/short").costNanos);
    expect(costsOf(asked, "deep/long").rereadNanos).toBe(0);
    expect(choice(asked).ladder[0].reason.sentence).toContain("hold nothing of it any more");
  });

  test("supposes that the last model holds it all where only a part of what was sent is known", () => {
    const plain = question(WORD_PROBLEM, going);
    const asked = { ...plain, ...held(["mid", known(500, false)]) };
    expect(costsOf(asked, "mid/short")).toEqual(costsOf(plain, "mid/short"));
    expect(choice(asked).ladder[0].reason.sentence).toContain("whose cache holds it");
  });

  test("never takes more from a cache than the prompt has", () => {
    const asked = question(WORD_PROBLEM, { ...long, ...held(["deep", known(90_000)]) });
    expect(costsOf(asked, "deep/long").cachedTokens).toBe(asked.inputTokens);
  });

  test("that is made says what it pays, and so does one that is not", () => {
    const reason = (prefixTokens: number) =>
      choice(
        question(WORD_PROBLEM, {
          ...long,
          inputTokens: prefixTokens,
          ...after("mid/short", { prefixTokens }),
        }),
      ).ladder[0].reason;
    expect(reason(1000)).toEqual({
      word: "escalated",
      sentence: expect.stringMatching(
        /the switch gains 0\.\d+, .*, 600000 nano-dollars for reading the conversation again/,
      ) as string,
    });
    const dear = { policy: policy({ lambda: 0.02, switchMargin: 0.9 }), lambda: 0.02 };
    const stays = question(WORD_PROBLEM, { ...dear, ...after("mid/short", { prefixTokens: 200 }) });
    expect(choice(stays).ladder[0].reason).toEqual({
      word: "sticky",
      sentence: expect.stringMatching(
        /deep\/long would change the utility by 0\.\d+, 120000 nano-dollars for reading/,
      ) as string,
    });
    expect(reason(60_000)).toMatchObject({ word: "sticky" });
  });
});

describe("a ceiling on latency", () => {
  const catalog = (speeds: Readonly<Record<string, Model["speed"]>>): Catalog => ({
    ...CATALOG,
    models: CATALOG.models.map((model) => ({ ...model, speed: speeds[model.id] })),
  });
  const slow = { firstTokenMs: 500, outputTokensPerSecond: 10 };
  const fast = { firstTokenMs: 100, outputTokensPerSecond: 500 };
  const rich = (fields: object = {}) => ({ policy: policy({ lambda: 0, ...fields }), lambda: 0 });

  test("keeps a slow arm from running, and says how long it would take", () => {
    const speeds = { catalog: catalog({ deep: slow, mid: fast, coder: fast, small: fast }) };
    expect(first(question(WORD_PROBLEM, { ...rich(), ...speeds }))).toBe("deep/long");
    const [rung] = choice(
      question(WORD_PROBLEM, { ...rich({ expectedLatencyMsMax: 4000 }), ...speeds }),
    ).ladder;
    expect(rung.arm.model).not.toBe("deep");
    expect(rung.estimate.latencyMs).toBeLessThanOrEqual(4000);
    expect(rung.reason.word).toBe("ceiling");
    expect(rung.reason.sentence).toMatch(
      /^deep\/long is expected to take \d+ ms, above the policy's 4000;/,
    );
  });

  test("is first token and then every token at the model's rate", () => {
    const { estimate } = choice(
      question(WORD_PROBLEM, { ...rich(), catalog: catalog({ deep: slow }) }),
    ).ladder[0];
    expect(estimate.latencyMs).toBeCloseTo(500 + estimate.outputTokens * 100, 6);
  });

  test("cannot be passed by a model of unknown speed", () => {
    const asked = { ...rich({ expectedLatencyMsMax: 1 }), catalog: catalog({ mid: slow }) };
    const [rung] = choice(question(WORD_PROBLEM, asked)).ladder;
    expect(rung).toMatchObject({ arm: { model: "deep" }, estimate: { latencyMs: null } });
  });

  test("that every arm passes leaves the fastest of those that keep the other ceilings", () => {
    const speeds = catalog({ deep: fast, mid: slow, coder: slow, small: slow });
    const [rung] = choice(
      question(WORD_PROBLEM, { ...rich({ expectedLatencyMsMax: 1 }), catalog: speeds }),
    ).ladder;
    const all = choice(question(WORD_PROBLEM, { ...rich(), catalog: speeds })).weighed;
    const open = all.filter(({ ruledOut }) => ruledOut === null);
    expect(rung.estimate.latencyMs).toBe(
      Math.min(...open.map(({ estimate }) => estimate.latencyMs ?? Infinity)),
    );
  });

  test("needs both figures of a model or none", () => {
    const seeded = readSeed("catalog.json") as { models: object[] };
    const parse = (speed: object) =>
      parseCatalog({ ...seeded, models: [{ ...seeded.models[0], speed }] });
    expect(parse(fast).kind).toBe("parsed");
    expect(parse({ firstTokenMs: 100 })).toMatchObject({
      faults: [{ path: "models.0.speed.outputTokensPerSecond" }],
    });
    expect(parse({ ...fast, outputTokensPerSecond: 0 })).toMatchObject({ kind: "faulty" });
  });
});

describe("a hard question", () => {
  const hard = { ...COMMON_SENSE, difficulty: 0.62, kind: "logic" as const };
  const easier = { ...hard, difficulty: 0.49 };
  const at = (hardQuery: string, lambda: number, changes: object = {}) =>
    question(hard, { policy: policy({ hardQuery, lambda }), lambda, ...changes });
  /** At the first half the weight of cost leads to another arm, at the second double the weight does. */
  const [DEAR, FAIR] = [0.8, 0.4];
  const plain = (lambda: number) =>
    question(hard, {
      policy: policy({ lambda }),
      lambda,
      hiddenState: { kind: "read", model: "deep", class: "normal" },
    });

  test("runs on a stronger arm where the policy escalates, on a cheaper one where it fails fast", () => {
    const [up, down] = [choice(at("escalate", DEAR)), choice(at("failfast", FAIR))];
    const [unescalated, unhurried] = [choice(plain(DEAR)), choice(plain(FAIR))];
    expect(up.difficultyClass).toBe("hard");
    const scoreOf = (of: typeof up) => of.ladder[0].estimate.score;
    const costOf = (of: typeof up) => of.ladder[0].estimate.costNanos;
    expect(scoreOf(up)).toBeGreaterThan(scoreOf(unescalated));
    expect(costOf(up)).toBeGreaterThan(costOf(unescalated));
    expect(scoreOf(down)).toBeLessThan(scoreOf(unhurried));
    expect(costOf(down)).toBeLessThan(costOf(unhurried));
    expect(up.ladder[0].settings).toMatchObject({ budgetFraction: 1, effort: "high" });
    expect(down.ladder[0].settings).toMatchObject({ budgetFraction: 0.5, effort: null });
  });

  test("says so, and which arm would have run", () => {
    const sentence = (hardQuery: string, lambda: number) =>
      choice(at(hardQuery, lambda)).ladder[0].reason.sentence;
    expect(sentence("escalate", DEAR)).toBe(
      "This question is hard (by the text alone), and the policy escalates: its cost counts half, so deep/long runs and not mid/short.",
    );
    expect(sentence("failfast", FAIR)).toBe(
      "This question is hard (by the text alone), and the policy fails fast: its cost counts double, so mid/short runs and not deep/long.",
    );
    expect(sentence("escalate", FAIR)).toMatch(
      /for its cost at lambda 0\.4, times 0\.5 since it is hard and the policy says escalate\.$/,
    );
  });

  test("weighs cost by exactly that: as any other question does at half or double the lambda", () => {
    const utility = (asked: ReturnType<typeof question>) =>
      estimateOf(asked, "deep/long").estimate.utility;
    const asNormal = (lambda: number) => utility(plain(lambda));
    expect(utility(at("escalate", DEAR))).toBeCloseTo(asNormal(DEAR / 2), 12);
    expect(utility(at("failfast", DEAR))).toBeCloseTo(asNormal(DEAR * 2), 12);
  });

  test("at lambda 0 gets the best score either way, and one that is not hard no weight at all", () => {
    expect(first(at("failfast", 0))).toBe(first(at("escalate", 0)));
    const eased = (hardQuery: string) =>
      choice(question(easier, { policy: policy({ hardQuery }) })).ladder;
    expect(eased("failfast")).toEqual(eased("escalate"));
    const talk = { ...TALK, difficulty: 0.9, confidence: 1 };
    const talked = (hardQuery: string) =>
      choice(question(talk, { policy: policy({ hardQuery }) })).ladder;
    expect(talked("failfast")).toEqual(talked("escalate"));
  });
});

describe("a hidden state", () => {
  const read = (model: string, difficultyClass: "easy" | "normal" | "hard") => ({
    hiddenState: { kind: "read", model, class: difficultyClass } as const,
  });

  test("decides the class, exactly, for its own model's settings; what runs on another goes by the text", () => {
    const asked = question(
      { ...COMMON_SENSE, difficulty: 0.3 },
      { ...asks({ effort: "high" }), ...read("deep", "easy") },
    );
    const { ladder, difficultyClass, difficultyFrom } = choice(asked);
    expect(difficultyClass).toBe("easy");
    expect(difficultyFrom).toMatchObject({ tier: "hidden-state", fidelity: "exact" });
    expect(ladder[0]).toMatchObject({
      arm: { model: "deep" },
      settings: { tier: "hidden-state", temperature: 0.5, budgetFraction: 0.4 },
    });
    const other = ladder.find(({ arm }) => arm.model !== "deep");
    expect(other?.settings).toMatchObject({ tier: "text", budgetFraction: 1 });
  });

  test("that was not read leaves everything to the text, and says why", () => {
    const unread = question(COMMON_SENSE, {
      hiddenState: { kind: "unread", reason: "the replica took longer than 300 ms" },
    });
    const plain = choice(question(COMMON_SENSE));
    expect(choice(unread)).toEqual({
      ...plain,
      difficultyFrom: {
        tier: "text",
        fidelity: "proxy",
        reason: "the text alone, since the replica took longer than 300 ms",
      },
    });
    expect(plain.difficultyFrom).toEqual({
      tier: "text",
      fidelity: "proxy",
      reason: "the text alone",
    });
  });
});
