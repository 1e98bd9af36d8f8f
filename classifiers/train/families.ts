// Questions made by rule, in families whose steps are known: what no recorded set under a permissive licence shows. Each
// family orders itself by its steps; what level a family has, nobody measured, so none is taught.
import type { Kind } from "../features.ts";
import { pick, seededChance, type Chance } from "./chance.ts";
import { CONTEST, contestStatement } from "./family-contest.ts";
import { orderingPuzzle, listOrders, lineUpDates, truthTellers } from "./family-logic.ts";
import { chainedPurchases, linearEquation, tankLevels, unitChain } from "./family-math.ts";
import { openRequest, tracedProgram } from "./family-words.ts";

export interface Made {
  readonly family: string;
  readonly kind: Kind;
  readonly text: string;
  /** Dependent steps to the answer; null for a request that has none to count. */
  readonly steps: number | null;
}

export const STEPS_MAX = 9;

type Make = (steps: number, chance: Chance) => string;

const FAMILIES: Readonly<Record<string, { readonly kind: Kind; readonly make: Make }>> = {
  purchases: { kind: "math", make: chainedPurchases },
  tanks: { kind: "math", make: tankLevels },
  units: { kind: "math", make: unitChain },
  equations: { kind: "math", make: linearEquation },
  ordering: { kind: "logic", make: orderingPuzzle },
  lists: { kind: "logic", make: listOrders },
  dates: { kind: "logic", make: lineUpDates },
  tellers: { kind: "logic", make: truthTellers },
  traces: { kind: "code", make: tracedProgram },
  [CONTEST]: { kind: "code", make: contestStatement },
};

/** Enough for a family to be heard beside the recorded ones, which have 100 to 9,000 each. */
const PER_FAMILY = 180;
const OPEN_REQUESTS = 500;

export function makeFamilies(seed: number): Made[] {
  const chance = seededChance(seed + 101);
  const made: Made[] = [];
  for (const [family, { kind, make }] of Object.entries(FAMILIES)) {
    for (let index = 0; index < PER_FAMILY; index += 1) {
      const steps = 1 + Math.floor(chance() * STEPS_MAX);
      made.push({ family, kind, text: dress(make(steps, chance), chance), steps });
    }
  }
  for (let index = 0; index < OPEN_REQUESTS; index += 1)
    made.push({ family: "requests", kind: "chat", text: openRequest(chance), steps: null });
  return made;
}

const FRAMES = [
  "%",
  "%",
  "%",
  "Question: %",
  "%\nThink it through.",
  "Please help me with this.\n%",
];

/** Some stand in a frame, as questions do in prompts. */
function dress(text: string, chance: Chance): string {
  return pick(FRAMES, chance).replace("%", () => text);
}
