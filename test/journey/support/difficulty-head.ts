// A head that tells the simulator's three kinds of hidden states apart, in the form that an operator puts into KV.
import { encodeDifficultyHead, type DifficultyHead } from "../../../policies/diffadapt-head.ts";
import { poolingWidth } from "../../simulator/pooling.ts";

const HIDDEN_UNITS = 512;
/** Between the noise of a state's numbers and the one that stands out of it. */
const THRESHOLD = 2;

/** One unit for each class, which passes on by how much the number of that class stands out; all others are dead. */
export function simulatorHead(model: string, width = poolingWidth): DifficultyHead {
  const inner = new Float32Array(HIDDEN_UNITS * width);
  const innerBias = new Float32Array(HIDDEN_UNITS).fill(-1);
  const outer = new Float32Array(3 * HIDDEN_UNITS);
  for (let unit = 0; unit < 3; unit += 1) {
    inner[unit * width + unit] = 1;
    innerBias[unit] = -THRESHOLD;
    outer[unit * HIDDEN_UNITS + unit] = 1;
  }
  return { model, width, inner, innerBias, outer, outerBias: new Float32Array(3) };
}

export function simulatorHeadBytes(model: string, width = poolingWidth): Uint8Array {
  return encodeDifficultyHead(simulatorHead(model, width));
}
