// The router report against simulated traffic whose truth is known: intervals that hold it, and no win that is none.
import { expect, it } from "vitest";
import type { Candidate } from "../../../../policies/head/decision.ts";
import {
  countDecision,
  countScore,
  newFigures,
  together,
  type Figures,
  type ScoredDecision,
} from "../../../../policies/head/figures.ts";
import { DRAWS_MIN, reportOf, SCORED_MIN } from "../../../../policies/head/report.ts";
import { parseArm } from "../../../../policies/mode.ts";
import { aDecision } from "./a-decision.ts";

/** Small, fast and good enough for these (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const NAMES = ["m/direct", "m/short", "m/long"];
const COSTS = [0.02, 0.06, 0.2];

interface World {
  /** Chance that each arm is right on a question of this difficulty. */
  readonly right: (difficulty: number) => readonly number[];
  /** What the router believes. */
  readonly believes: (difficulty: number) => readonly number[];
  readonly explores: number;
}

const utilities = (scores: readonly number[]): number[] =>
  scores.map((score, arm) => score - (COSTS[arm] ?? 0));
const bestOf = (values: readonly number[]): number => values.indexOf(Math.max(...values));

function run(world: World, n: number, chance: () => number): Figures {
  const figures = newFigures(0, 0);
  for (let index = 0; index < n; index += 1) {
    const difficulty = chance();
    const believed = world.believes(difficulty);
    const wished = utilities(believed);
    const greedy = bestOf(wished);
    const candidates = NAMES.map((arm, at): Candidate => ({
      arm,
      utility: wished[at] ?? 0,
      propensity: world.explores / NAMES.length + (at === greedy ? 1 - world.explores : 0),
    }));
    const drawn = chance() < world.explores ? Math.floor(chance() * NAMES.length) : greedy;
    const decision: ScoredDecision = {
      arm: armOf(drawn),
      believed: { score: believed[drawn] ?? 0, outputTokens: 100 },
      candidates,
      penalty: COSTS[drawn] ?? 0,
    };
    countScore(figures, decision, chance() < (world.right(difficulty)[drawn] ?? 0) ? 1 : 0, 1);
  }
  return figures;
}

const armOf = (index: number) => parseArm(NAMES[index] ?? "") ?? { model: "m", mode: null };

/** The true regret of the exploring router, by numerical integration over difficulties. */
function truth({ right, believes, explores }: World): { fixed: number[]; random: number } {
  const steps = 4_000;
  const fixed = [0, 0, 0];
  let router = 0;
  let random = 0;
  for (let step = 0; step < steps; step += 1) {
    const difficulty = (step + 0.5) / steps;
    const real = utilities(right(difficulty));
    const mean = real.reduce((sum, one) => sum + one, 0) / real.length;
    const greedy = real[bestOf(utilities(believes(difficulty)))] ?? 0;
    router += ((1 - explores) * greedy + explores * mean) / steps;
    random += mean / steps;
    for (const [arm, value] of real.entries()) fixed[arm] = (fixed[arm] ?? 0) + value / steps;
  }
  return { fixed: fixed.map((value) => value - router), random: random - router };
}

const right = (difficulty: number) => [
  0.95 - 0.8 * difficulty,
  0.95 - 0.5 * difficulty,
  0.93 - 0.2 * difficulty,
];
const WORLDS: Readonly<Record<string, World>> = {
  "an honest router": { right, believes: right, explores: 0.1 },
  "a router that believes too well of its arms": {
    right,
    believes: (difficulty) => right(difficulty).map((score) => Math.min(1, score + 0.25)),
    explores: 0.1,
  },
  "a router that has it backwards": {
    right,
    believes: (difficulty) => right(1 - difficulty),
    explores: 0.1,
  },
};

const RUNS = 200;

it.each(Object.entries(WORLDS))(
  "of %s, 95 % intervals hold the truth about as often, whatever it believes",
  (_, world) => {
    const real = truth(world);
    const held = { random: 0, fixed: 0 };
    for (let seed = 1; seed <= RUNS; seed += 1) {
      const [fixed, random] = reportOf(run(world, 600, seeded(seed * 7919))).regret;
      if (!fixed?.regret || !random?.regret) throw new Error(`seed ${seed}: too little`);
      const aim = real.fixed[NAMES.indexOf(fixed.arm ?? "")] ?? Number.NaN;
      if (fixed.regret.low <= aim && aim <= fixed.regret.high) held.fixed += 1;
      if (random.regret.low <= real.random && real.random <= random.regret.high) held.random += 1;
    }
    // Two standard errors of 200 runs below 95 %.
    expect(held.random / RUNS).toBeGreaterThan(0.919);
    expect(held.fixed / RUNS).toBeGreaterThan(0.919);
  },
);

it("calls an even router better than nothing in at most some of a hundred runs, and a bad one worse", () => {
  // All arms are alike but for their cost, and the router draws among them as randomly as the baseline does.
  const even: World = {
    right: () => [0.6, 0.64, 0.78],
    believes: () => [0.6, 0.6, 0.6],
    explores: 1,
  };
  let wins = 0;
  for (let seed = 1; seed <= RUNS; seed += 1) {
    for (const { conclusion } of reportOf(run(even, 500, seeded(seed))).regret)
      if (conclusion === "better") wins += 1;
  }
  expect(wins / RUNS).toBeLessThan(0.06);
  const backwards = WORLDS["a router that has it backwards"];
  if (backwards === undefined) throw new Error("It is there.");
  const [fixed] = reportOf(run(backwards, 20_000, seeded(1))).regret;
  expect(fixed?.conclusion).toBe("worse");
  const honest: World = { right, believes: right, explores: 0.1 };
  const [, random] = reportOf(run(honest, 20_000, seeded(2))).regret;
  expect(random?.conclusion).toBe("better");
});

it("says too little below the named counts, and of arms that were never drawn", () => {
  const honest: World = { right, believes: right, explores: 0.1 };
  const few = reportOf(run(honest, SCORED_MIN - 1, seeded(3)));
  expect(few.regret.map(({ conclusion, regret }) => ({ conclusion, regret }))).toEqual([
    { conclusion: "too-little", regret: null },
    { conclusion: "too-little", regret: null },
  ]);
  expect(few.calibration.error).toBeNull();
  // Exploring one in a thousand: no arm but the router's own is drawn twenty times in four hundred.
  const [fixed] = reportOf(
    run({ ...honest, believes: () => [0, 0, 1], explores: 0.001 }, 400, seeded(4)),
  ).regret;
  expect(fixed).toMatchObject({ conclusion: "too-little", unmeasured: ["m/direct", "m/short"] });
  expect(fixed?.draws).toBeGreaterThanOrEqual(DRAWS_MIN);
});

it("takes a score back without a trace, and adds two generations up to one", () => {
  const chance = seeded(5);
  const honest: World = { right, believes: right, explores: 0.5 };
  const figures = run(honest, 300, chance);
  const before = JSON.stringify(reportOf(figures));
  const decision = aDecision({
    candidates: [
      { arm: "m/short", propensity: 0.5, utility: 0.5 },
      { arm: "m/long", propensity: 0.5, utility: 0.25 },
    ],
    penalty: 0.25,
  });
  countScore(figures, decision, 0.5, 1);
  expect(JSON.stringify(reportOf(figures))).not.toBe(before);
  countScore(figures, decision, 0.5, -1);
  const { regret, ...rest } = reportOf(figures);
  const { regret: regretBefore, ...restBefore } = JSON.parse(before) as ReturnType<typeof reportOf>;
  expect(rest).toEqual(restBefore);
  expect(regret[1]?.regret?.value).toBeCloseTo(regretBefore[1]?.regret?.value ?? Number.NaN, 12);

  const one = run(honest, 300, seeded(6));
  const both = reportOf(together(figures, one));
  expect(both.scored).toBe(figures.scored + one.scored);
  expect(both.regret[1]?.n).toBe(figures.random.n + one.random.n);
});

it("shows each arm's share, its tokens and scores beside what was expected, and where it was sure in vain", () => {
  const figures = newFigures(0, 1_000);
  for (let index = 0; index < SCORED_MIN; index += 1) {
    const decision = aDecision(
      { believed: { score: 0.85, outputTokens: 100 } },
      { outputTokens: 150 },
    );
    countDecision(figures, decision);
    countScore(figures, decision, index % 2, 1);
  }
  const report = reportOf(figures);
  expect(report.arms).toEqual([
    {
      arm: "m/short",
      decisions: SCORED_MIN,
      share: 1,
      tokens: { n: SCORED_MIN, expected: 100, actual: 150 },
      score: { n: SCORED_MIN, expected: expect.closeTo(0.85) as number, actual: 0.5 },
    },
  ]);
  expect(report.calibration.bins).toEqual([
    { low: 0.8, high: 0.9, n: SCORED_MIN, expected: expect.closeTo(0.85) as number, actual: 0.5 },
  ]);
  expect(report.calibration.error).toBeCloseTo(0.35);
  // Nothing was left to chance, so there is nothing to compare.
  expect(report.regret.map(({ conclusion }) => conclusion)).toEqual(["too-little", "too-little"]);
});
