// Reckoning made by rule: purchases in a chain, tanks that fill and drain, chains of units, equations in equations.
import { pick, type Chance } from "./chance.ts";

export const NAMES =
  "Ada Bo Chidi Dana Emre Fatima Goran Hana Ivo Jun Kofi Lena Mina Nadia Otis Priya".split(" ");
const THINGS =
  "pencils apples tickets bricks stamps marbles loaves postcards batteries seedlings".split(" ");

export function whole(from: number, to: number, chance: Chance): number {
  return from + Math.floor(chance() * (to - from + 1));
}

export function chainedPurchases(steps: number, chance: Chance): string {
  const who = pick(NAMES, chance);
  const thing = pick(THINGS, chance);
  const first = `${who} has ${whole(3, 90, chance)} ${thing}.`;
  const moves = Array.from({ length: steps }, () =>
    pick(
      [
        () => `${who} buys ${whole(2, 40, chance)} more.`,
        () =>
          `Then ${pick(NAMES, chance)} gives ${who} ${whole(2, 9, chance)} boxes of ${whole(3, 12, chance)}.`,
        () => `${who} loses ${whole(1, 5, chance)} of them on the way.`,
        () => `A third of what is left goes to ${pick(NAMES, chance)}.`,
        () => `After that the number doubles.`,
        () =>
          `Each one costs ${whole(2, 30, chance)} cents, and ${whole(2, 9, chance)} are returned.`,
      ],
      chance,
    )(),
  );
  const asks = pick(
    [
      `How many ${thing} does ${who} have now?`,
      `What is ${who}'s count at the end?`,
      `How many are there in the end?`,
    ],
    chance,
  );
  return [first, ...moves, asks].join(" ");
}

export function tankLevels(steps: number, chance: Chance): string {
  const moves = Array.from({ length: steps }, (_, index) =>
    pick(
      [
        () =>
          `From hour ${index} to hour ${index + 1} a pump adds ${whole(3, 60, chance)} litres a minute.`,
        () => `A valve then lets out ${whole(5, 45, chance)}% of the water.`,
        () =>
          `Next a leak takes ${whole(1, 9, chance)}.${whole(1, 9, chance)} litres every ${whole(2, 12, chance)} seconds for ${whole(2, 50, chance)} minutes.`,
      ],
      chance,
    )(),
  );
  return `A tank of ${whole(20, 900, chance) * 10} litres holds ${whole(10, 190, chance)} litres. ${moves.join(" ")} How much water is in it afterwards?`;
}

const UNITS = [
  "zorks",
  "plims",
  "dravs",
  "quells",
  "thons",
  "mibs",
  "garets",
  "folds",
  "pents",
  "ruls",
  "ebbs",
];

export function unitChain(steps: number, chance: Chance): string {
  const rates = Array.from(
    { length: steps },
    (_, index) =>
      `${whole(2, 9, chance)} ${UNITS[index]} make ${whole(2, 12, chance)} ${UNITS[index + 1]}`,
  );
  return `If ${rates.join(", ")}, how many ${UNITS[steps]} are ${whole(2, 60, chance)} ${UNITS[0]}?`;
}

export function linearEquation(steps: number, chance: Chance): string {
  let side = "x";
  for (let step = 0; step < steps; step += 1)
    side = pick(
      [
        () => `${whole(2, 9, chance)}(${side} + ${whole(1, 20, chance)})`,
        () => `(${side} - ${whole(1, 20, chance)})/${whole(2, 9, chance)}`,
        () => `${side} + ${whole(2, 9, chance)}x`,
      ],
      chance,
    )();
  const equation = `${side} = ${whole(1, 120, chance)}`;
  return pick(
    [`Solve for x: ${equation}`, `Find $x$ when $${equation}$.`, `What is x if ${equation}?`],
    chance,
  );
}
