// Questions to choose for, over the seeds' own catalog and policies; the texts are ours.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { classify } from "../classifiers/shipped.ts";
import type { Features } from "../../../classifiers/features.ts";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import type { Choice, Question } from "../../../policies/choice.ts";
import { choose } from "../../../policies/choose.ts";
import { armName, type Mode } from "../../../policies/mode.ts";
import { parsePolicy, type Policy } from "../../../policies/policy.ts";

export function readSeed(file: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../../../kv-seeds", file), "utf8"));
}

export function parsed<T>(
  result: { kind: "parsed"; value: T } | { kind: "faulty"; faults: readonly unknown[] },
): T {
  if (result.kind === "faulty") throw new Error(JSON.stringify(result.faults));
  return result.value;
}

export const CATALOG: Catalog = parsed(parseCatalog(readSeed("catalog.json")));
export const POLICIES = new Map(
  (readSeed("policies.json") as { policies: unknown[] }).policies.map((document) => {
    const policy = parsed(parsePolicy(document));
    return [policy.name, policy];
  }),
);
export const BALANCED = POLICIES.get("balanced")!;

export function policy(changes: object): Policy {
  return parsed(
    parsePolicy({
      name: "tested",
      version: "1",
      modes: { direct: "small", short: "mid", code: "coder", long: "deep" },
      ...changes,
    }),
  );
}

export const WORD_PROBLEM = classify(
  "A baker has 24 rolls and sells 7 of them, then bakes 12 more. How many rolls are left altogether?",
);
export const TALK = classify("Hello there, nice to meet you!");
export const COMMON_SENSE = classify(
  "What do people wear on their feet?\nA. shoes\nB. hats\nC. gloves\nD. scarves\nE. belts",
);
export const FOREIGN = classify(
  "Почему небо голубое, а трава зелёная, и кто это впервые объяснил?",
);

export function question(features: Features, changes: Partial<Question> = {}): Question {
  return {
    features,
    policy: BALANCED,
    catalog: CATALOG,
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    inputTokens: 200,
    needs: [],
    advice: null,
    chance: null,
    lambda: (changes.policy ?? BALANCED).lambda,
    ...changes,
  };
}

export function choice(asked: Question): Choice {
  const chosen = choose(asked);
  if (chosen.kind !== "chosen") throw new Error(JSON.stringify(chosen));
  return chosen.choice;
}

export function first(asked: Question): string {
  return armName(choice(asked).ladder[0].arm);
}

export function asks(changes: Partial<Question["asked"]>): Pick<Question, "asked"> {
  return { asked: { mode: null, model: null, effort: null, ...changes } };
}

export function after(
  arm: string,
  changes: Partial<Question["conversation"]> = {},
): Pick<Question, "conversation"> {
  const [model, mode] = arm.split("/") as [string, Mode | "as-sent"];
  return {
    conversation: {
      previous: { model, mode: mode === "as-sent" ? null : mode },
      isToolResult: false,
      prefixTokens: 0,
      ...changes,
    },
  };
}
