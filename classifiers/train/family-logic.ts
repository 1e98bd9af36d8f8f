// Puzzles made by rule: who stands where, lists that are changed, dates that are shifted, who tells the truth.
import { pick, shuffle, type Chance } from "./chance.ts";
import { NAMES, whole } from "./family-math.ts";

export function orderingPuzzle(steps: number, chance: Chance): string {
  const order = NAMES.map((_, index) => index);
  shuffle(order, chance);
  const people = order.slice(0, steps + 2).map((index) => NAMES[index]!);
  const clues = people
    .slice(1)
    .map((name, index) =>
      pick(
        [
          () => `${name} stands somewhere behind ${people[index]}.`,
          () => `${people[index]} is directly in front of ${name}.`,
          () => `Neither ${name} nor ${people[0]} is at the far end.`,
        ],
        chance,
      )(),
    );
  return `${people.length} people wait in a line: ${people.toSorted().join(", ")}. ${clues.join(" ")} Who is ${pick(["first", "last", "in the middle", "third"], chance)}?`;
}

export function listOrders(steps: number, chance: Chance): string {
  const items = Array.from({ length: whole(4, 8, chance) }, () => whole(1, 60, chance));
  const moves = Array.from({ length: steps }, () =>
    pick(
      [
        () => `reverse it`,
        () => `swap its first and its last element`,
        () => `remove every element above ${whole(10, 50, chance)}`,
        () => `insert ${whole(1, 60, chance)} at position ${whole(1, 4, chance)}`,
        () => `rotate it by ${whole(1, 3, chance)} to the left`,
        () => `replace each element by its remainder after division by ${whole(3, 12, chance)}`,
      ],
      chance,
    )(),
  );
  return `Begin with the list [${items.join(", ")}]. In this order: ${moves.join("; ")}. Write down the list that remains.`;
}

const MONTHS = "January March April June August October December".split(" ");

export function lineUpDates(steps: number, chance: Chance): string {
  const shifts = Array.from({ length: steps }, () =>
    pick(
      [
        () => `${whole(2, 40, chance)} days later`,
        () => `${whole(1, 9, chance)} weeks before that`,
        () => `on the next ${pick(["Monday", "Thursday", "Sunday"], chance)}`,
        () => `${whole(1, 5, chance)} months after that`,
      ],
      chance,
    )(),
  );
  return `The first meeting is on ${whole(1, 28, chance)} ${pick(MONTHS, chance)} ${whole(1995, 2031, chance)}. Each further one is ${shifts.join(", then ")}. On which date is the last meeting?`;
}

export function truthTellers(steps: number, chance: Chance): string {
  const order = NAMES.map((_, index) => index);
  shuffle(order, chance);
  const people = order.slice(0, steps + 1).map((index) => NAMES[index]!);
  const says = people.map((name, index) => {
    const other = people[(index + 1) % people.length]!;
    return `${name} says that ${other} ${pick(["lies", "tells the truth", "and " + people[0] + " are of the same sort"], chance)}.`;
  });
  return `Each islander either always lies or never does. ${says.join(" ")} Does ${pick(people, chance)} tell the truth?`;
}
