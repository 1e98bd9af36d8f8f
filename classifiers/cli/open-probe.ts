// The probe for programs, with the weights that ship or others.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { classify } from "../classify.ts";
import type { Features } from "../features.ts";
import { openWeights } from "../weights.ts";

const SHIPPED_FILE = resolve(import.meta.dirname, "../weights.bin");

export type OpenedProbe =
  | { readonly kind: "opened"; readonly probe: (text: string) => Features }
  | { readonly kind: "unreadable"; readonly problem: string };

/** `weightsFile` undefined: the weights that ship. */
export function openProbe(weightsFile: string | undefined): OpenedProbe {
  const file = weightsFile ?? SHIPPED_FILE;
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch {
    const problem = `cannot read the weights ${file}; make them with npm run train, or give --weights FILE`;
    return { kind: "unreadable", problem };
  }
  const opened = openWeights(bytes);
  if (opened.kind === "unreadable")
    return { kind: "unreadable", problem: `the weights ${file} ${opened.problem}` };
  return { kind: "opened", probe: (text) => classify(text, opened.weights) };
}
