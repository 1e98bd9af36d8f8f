// Writes what was fitted as the bytes that weights.ts opens: words as int8 with a scale a column, the rest as it is.
import type { Network, Standard } from "../network.ts";
import { MAGIC, type Header } from "../weights.ts";
import type { Fitted } from "./fit-shape.ts";

/** Steps from 0 to a column's largest number. */
const STEPS = 127;
/** The largest of a column is its scale but for this share of outliers, which are cut. */
const CUT_SHARE = 0.0005;

export function writeWeights(
  header: Header,
  keys: Int32Array,
  standard: Standard,
  fitted: readonly Fitted[],
  units: Standard,
): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length, true);
  const parts: Uint8Array[] = [new TextEncoder().encode(MAGIC), length, head];
  const add = (numbers: Int32Array | Float32Array | Int8Array): void => {
    parts.push(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  };
  add(keys);
  add(standard.mean);
  add(standard.deviation);
  for (const [index, { embedding, first, second, direct }] of fitted.entries()) {
    const { scale, steps } = quantise(embedding, header.networks[index]!.width);
    for (const numbers of [scale, first, second, direct, steps]) add(numbers);
  }
  add(units.mean);
  add(units.deviation);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let from = 0;
  for (const part of parts) {
    bytes.set(part, from);
    from += part.length;
  }
  return bytes;
}

function quantise(
  embedding: Float32Array,
  width: number,
): { readonly scale: Float32Array; readonly steps: Network["embedding"] } {
  const scale = new Float32Array(width);
  const steps = new Int8Array(embedding.length);
  const rows = embedding.length / width;
  for (let column = 0; column < width; column += 1) {
    const sizes = new Float32Array(rows);
    for (let row = 0; row < rows; row += 1) sizes[row] = Math.abs(embedding[row * width + column]!);
    sizes.sort();
    const largest = sizes[Math.max(0, Math.ceil(rows * (1 - CUT_SHARE)) - 1)] ?? 0;
    scale[column] = largest / STEPS || 1;
    for (let row = 0; row < rows; row += 1) {
      const step = Math.round(embedding[row * width + column]! / scale[column]!);
      steps[row * width + column] = Math.min(STEPS, Math.max(-STEPS, step));
    }
  }
  return { scale, steps };
}
