// Statements in the manner of programming contests, made by rule: they speak of numbers and ask for a program.
import { pick, type Chance } from "./chance.ts";
import { whole } from "./family-math.ts";

export const CONTEST = "contests";

const OBJECTS = [
  "an array of n integers",
  "a rooted tree with n vertices",
  "a string s of length n",
  "a grid of n rows and m columns",
  "n segments on a line",
  "an undirected graph with n nodes and m edges",
  "a permutation p of size n",
];
const GOALS = [
  "the number of pairs that satisfy all of these conditions",
  "the smallest total cost",
  "the longest such part",
  "the lexicographically smallest result",
  "the number of ways modulo 998244353",
  "the largest value that can be reached",
];
const RULES = [
  "no two chosen elements may be adjacent",
  "every prefix must have a non-negative sum",
  "each operation flips one bit",
  "an edge may be used at most k times",
  "the order of equal elements must not change",
  "queries of two types arrive one after another",
  "after each move the value is halved, rounded down",
  "the difference of neighbours must be at most d",
  "the answer must be printed after every update",
  "a vertex may be painted only once its parent is",
];
const STORIES = [
  "A courier plans a route through a city.",
  "Two players take turns, and both play as well as possible.",
  "A gardener waters a row of plants.",
  "A machine sorts parcels.",
  "There is a game with coins on a board.",
  "",
];

export function contestStatement(steps: number, chance: Chance): string {
  const rules = Array.from({ length: Math.ceil(steps / 2) }, () => pick(RULES, chance));
  const power = whole(2, 6, chance);
  const parts = [
    pick(STORIES, chance),
    `You are given ${pick(OBJECTS, chance)} and an integer k.`,
    `It holds that ${[...new Set(rules)].join(", and ")}.`,
    `Find ${pick(GOALS, chance)}.`,
  ];
  const limits = pick(
    [`1 <= n <= 10^${power}`, `$1 \\le n \\le ${10 ** power}$`, `1 ≤ n, m ≤ ${10 ** power}`],
    chance,
  );
  const form = pick(
    [
      `Input\nThe first line contains an integer t, the number of test cases. Each test case begins with a line of integers n and k (${limits}).\n\nOutput\nFor each test case print one integer.`,
      `Constraints: ${limits}. Input is read from standard input, and the answer is printed to standard output.`,
      `Implement a function solve(n, k, values) that returns it. ${limits}. Time limit: ${whole(1, 4, chance)} seconds.`,
      `Example 1:\nInput: nums = [${whole(1, 9, chance)},${whole(1, 9, chance)},${whole(1, 9, chance)}], k = ${whole(1, 5, chance)}\nOutput: ${whole(0, 20, chance)}\n\nConstraints:\n${limits}`,
    ],
    chance,
  );
  return `${parts.filter((part) => part !== "").join(" ")}\n\n${form}`;
}
