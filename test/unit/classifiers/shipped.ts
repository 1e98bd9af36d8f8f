// The probe with the weights that ship, as the Worker has it, for tests in Node.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { classify as classifyWith } from "../../../classifiers/classify.ts";
import type { Features } from "../../../classifiers/features.ts";
import { openWeights, type Weights } from "../../../classifiers/weights.ts";

export const SHIPPED_FILE = resolve(import.meta.dirname, "../../../classifiers/weights.bin");

function open(): Weights {
  const opened = openWeights(readFileSync(SHIPPED_FILE));
  if (opened.kind === "unreadable") throw new Error(`classifiers/weights.bin ${opened.problem}.`);
  return opened.weights;
}

export const SHIPPED = open();

export function classify(text: string): Features {
  return classifyWith(text, SHIPPED);
}
