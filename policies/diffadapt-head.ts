// DiffAdapt's head (arXiv 2510.19669, stage 2): from a model's last hidden state of a question to its class, by a perceptron
// of 512 hidden units. An operator trains it for one checkpoint; as bytes it is one line of JSON and then its weights.
import * as z from "zod/mini";
import { POOLING_WIDTH_MAX } from "./catalog.ts";
import type { DifficultyClass } from "./choice.ts";
import { text, wholeNumber } from "./fields.ts";
import { parseWith } from "./parse.ts";

/** The paper's. */
const HIDDEN_UNITS = 512;
/** In the order of the head's outputs, which is the paper's. */
const CLASSES = ["easy", "normal", "hard"] as const satisfies readonly DifficultyClass[];
/** Of the first line, its end included: a name, and room to add a word. */
const HEADER_BYTES_MAX = 1024;
const BYTES_PER_NUMBER = 4;
/** A first line and the weights over the widest state: 16.8 MB, of KV's 25 MiB. */
const HEAD_BYTES_MAX = HEADER_BYTES_MAX + BYTES_PER_NUMBER * numbersIn(POOLING_WIDTH_MAX);

/** The first line. Another version is refused: its weights would mean something else. */
export const difficultyHeadHeader = z.strictObject({
  format: z.literal("sluice-difficulty-head"),
  version: z.literal(1),
  /** The checkpoint that it was trained on, as the catalog's `pooling.name` has it. */
  model: text(256),
  /** Numbers in a hidden state, as the catalog's `pooling.width` has it. */
  width: wholeNumber(1, POOLING_WIDTH_MAX),
});

export interface DifficultyHead {
  readonly model: string;
  readonly width: number;
  /** 512 rows of `width`, and a bias for each. */
  readonly inner: Float32Array;
  readonly innerBias: Float32Array;
  /** Three rows of 512, and a bias for each. */
  readonly outer: Float32Array;
  readonly outerBias: Float32Array;
}

export type OpenedHead =
  | { readonly kind: "opened"; readonly head: DifficultyHead }
  | { readonly kind: "faulty"; readonly problem: string };

/**
 * Reads a head: a first line of JSON (`difficultyHeadHeader`), then 32-bit floats, little-endian, in the order of
 * `DifficultyHead`. Every number must be finite, since one that is not would decide every question alike.
 */
export function openDifficultyHead(bytes: Uint8Array): OpenedHead {
  if (bytes.byteLength > HEAD_BYTES_MAX)
    return { kind: "faulty", problem: `holds more than ${HEAD_BYTES_MAX} bytes` };
  const end = bytes.subarray(0, HEADER_BYTES_MAX).indexOf(NEW_LINE);
  if (end < 0) return { kind: "faulty", problem: `has no first line of ${HEADER_BYTES_MAX} bytes` };
  const parsed = parseWith<z.infer<typeof difficultyHeadHeader>>(
    difficultyHeadHeader,
    readJson(bytes.subarray(0, end)),
  );
  if (parsed.kind === "faulty") {
    const [fault] = parsed.faults;
    return { kind: "faulty", problem: `${fault?.path ?? ""} ${fault?.problem ?? ""}`.trim() };
  }
  const { model, width } = parsed.value;
  const wantedBytes = BYTES_PER_NUMBER * numbersIn(width);
  // A copy of its own: the weights need not begin where a float may.
  const weights = bytes.slice(end + 1);
  if (weights.byteLength !== wantedBytes) {
    const problem = `holds ${weights.byteLength} bytes of weights, and a width of ${width} makes ${wantedBytes}`;
    return { kind: "faulty", problem };
  }
  const numbers = new Float32Array(weights.buffer);
  if (!areFinite(numbers))
    return { kind: "faulty", problem: "holds a weight that is no finite number" };
  let from = 0;
  const take = (count: number): Float32Array => numbers.subarray(from, (from += count));
  const inner = take(width * HIDDEN_UNITS);
  const innerBias = take(HIDDEN_UNITS);
  const outer = take(HIDDEN_UNITS * CLASSES.length);
  const outerBias = take(CLASSES.length);
  return { kind: "opened", head: { model, width, inner, innerBias, outer, outerBias } };
}

/** The bytes that `openDifficultyHead` reads. */
export function encodeDifficultyHead(head: DifficultyHead): Uint8Array {
  const { model, width, inner, innerBias, outer, outerBias } = head;
  const header = { format: "sluice-difficulty-head", version: 1, model, width };
  const line = new TextEncoder().encode(`${JSON.stringify(header)}\n`);
  const parts = [inner, innerBias, outer, outerBias];
  const bytes = new Uint8Array(line.byteLength + BYTES_PER_NUMBER * numbersIn(width));
  bytes.set(line);
  let at = line.byteLength;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

export type ReadState =
  | { readonly kind: "read"; readonly class: DifficultyClass; readonly logits: readonly number[] }
  | { readonly kind: "unsound"; readonly problem: string };

/** A state's length is far above 1; one of exactly that was normalised, and has lost what the head reads. */
const NORMALISED_WITHIN = 1e-3;

/** The likeliest class. `problem` is a clause about the state. Sums of 32-bit floats cannot leave a number's range. */
export function readDifficulty(head: DifficultyHead, state: Float32Array): ReadState {
  if (state.length !== head.width) {
    const problem = `it holds ${state.length} numbers, not ${head.width}`;
    return { kind: "unsound", problem };
  }
  let square = 0;
  for (const value of state) square += value * value;
  if (!Number.isFinite(square))
    return { kind: "unsound", problem: "it holds what is no finite number" };
  if (Math.abs(Math.sqrt(square) - 1) < NORMALISED_WITHIN)
    return { kind: "unsound", problem: "it was normalised" };
  const logits = logitsOf(head, state);
  const best = Math.max(...logits);
  return { kind: "read", class: CLASSES[logits.indexOf(best)] ?? "normal", logits };
}

function logitsOf(
  { width, inner, innerBias, outer, outerBias }: DifficultyHead,
  state: Float32Array,
): number[] {
  const logits = [...outerBias];
  for (let unit = 0; unit < HIDDEN_UNITS; unit += 1) {
    let sum = innerBias[unit] ?? 0;
    const row = unit * width;
    for (let index = 0; index < width; index += 1) sum += inner[row + index]! * state[index]!;
    if (sum <= 0) continue;
    for (let output = 0; output < CLASSES.length; output += 1)
      logits[output]! += outer[output * HIDDEN_UNITS + unit]! * sum;
  }
  return logits;
}

function numbersIn(width: number): number {
  return width * HIDDEN_UNITS + HIDDEN_UNITS + HIDDEN_UNITS * CLASSES.length + CLASSES.length;
}

/** A loop and no callback: over millions of weights that is a few milliseconds and not a hundred. */
function areFinite(numbers: Float32Array): boolean {
  for (let index = 0; index < numbers.length; index += 1)
    if (!Number.isFinite(numbers[index])) return false;
  return true;
}

const NEW_LINE = 10;

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    // The schema says what is wrong with nothing.
    return undefined;
  }
}
