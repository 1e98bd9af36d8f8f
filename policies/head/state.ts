// An empty head, and any head as bytes and back. Versioned by its layout and by the meaning of its inputs: what was written otherwise reads as
// null, never as something else.
import { SCORE_TERMS, TOKEN_TERMS } from "./basis.ts";
import { HEAD_VERSION } from "./head.ts";
import { armName, type Arm } from "../mode.ts";
import { calmWatch } from "./drift.ts";
import { ARMS_MAX, armOf, emptyArm, KEY_BUCKETS, type ArmState, type Head } from "./evidence.ts";

export type { Head };

/** Raised with every change of what stands below. */
const LAYOUT_VERSION = 3;
/** The letters "SH" and both versions, terms, arms. */
const MAGIC = 0x5348;
const PREFIX_BYTES = 12;
/** An arm's name is longer only if somebody made it up. */
export const ARM_NAME_BYTES_MAX = 512;
const HEAD_NUMBERS = 6;
/** Their weight of judged lessons, and of lessons of tokens. */
const KEYS_BYTES = 2 * KEY_BUCKETS * 4;
const ARM_NUMBERS = 6;

const packed = (terms: number): number => (terms * (terms + 1)) / 2 + terms;
const ARM_FLOATS = packed(SCORE_TERMS) + packed(TOKEN_TERMS);
const ARM_BYTES_MAX = 2 + ARM_NAME_BYTES_MAX + ARM_NUMBERS * 8 + ARM_FLOATS * 4;
/** What a head takes at most: below the 2 MB that a row of an object may hold. */
export const HEAD_BYTES_MAX =
  PREFIX_BYTES + HEAD_NUMBERS * 8 + KEYS_BYTES + ARMS_MAX * ARM_BYTES_MAX;

export function emptyHead(arms: readonly Arm[]): Head {
  const head: Head = {
    arms: new Map(),
    keys: new Float32Array(KEY_BUCKETS),
    tokenKeys: new Float32Array(KEY_BUCKETS),
    clockMs: 0,
    watch: calmWatch(),
  };
  for (const arm of arms) armOf(head, armName(arm));
  return head;
}

/** Little-endian on every platform, as the field order below. Sums are rounded to 32 bits, once for each writing. */
export function encodeHead(head: Head): Uint8Array {
  const names = [...head.arms.values()].map(({ name }) => new TextEncoder().encode(name));
  const nameBytes = names.reduce((sum, { length }) => sum + 2 + length, 0);
  const size =
    PREFIX_BYTES +
    HEAD_NUMBERS * 8 +
    KEYS_BYTES +
    nameBytes +
    names.length * (ARM_NUMBERS * 8 + ARM_FLOATS * 4);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const short = (value: number): void => {
    view.setUint16(at, value, true);
    at += 2;
  };
  const number = (value: number): void => {
    view.setFloat64(at, value, true);
    at += 8;
  };
  const floats = (values: Float32Array | Float64Array): void => {
    for (const value of values) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  };
  for (const value of [MAGIC, LAYOUT_VERSION, HEAD_VERSION, SCORE_TERMS, TOKEN_TERMS, names.length])
    short(value);
  const { above, below, lessonsSince, sinceMs } = head.watch;
  for (const value of [head.clockMs, above, below, lessonsSince, Number(sinceMs !== null)])
    number(value);
  number(sinceMs ?? 0);
  floats(head.keys);
  floats(head.tokenKeys);
  for (const [index, arm] of [...head.arms.values()].entries()) {
    const name = names[index]!;
    short(name.length);
    bytes.set(name, at);
    at += name.length;
    for (const value of numbersOf(arm)) number(value);
    for (const values of arraysOf(arm)) floats(values);
  }
  return bytes;
}

/** Null where the bytes are of another version, cut, or hold what is no number. */
export function decodeHead(bytes: Uint8Array): Head | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let isSound = true;
  const short = (): number => {
    at += 2;
    return view.getUint16(at - 2, true);
  };
  const number = (): number => {
    at += 8;
    const value = view.getFloat64(at - 8, true);
    isSound &&= Number.isFinite(value);
    return value;
  };
  const fill = (values: Float32Array | Float64Array): void => {
    for (let index = 0; index < values.length; index += 1, at += 4) {
      values[index] = view.getFloat32(at, true);
      isSound &&= Number.isFinite(values[index]);
    }
  };
  if (bytes.length < PREFIX_BYTES + HEAD_NUMBERS * 8 + KEYS_BYTES) return null;
  for (const expected of [MAGIC, LAYOUT_VERSION, HEAD_VERSION, SCORE_TERMS, TOKEN_TERMS])
    if (short() !== expected) return null;
  const arms = short();
  if (arms > ARMS_MAX) return null;
  const clockMs = number();
  const [above, below, lessonsSince, isAlarmed, since] = [
    number(),
    number(),
    number(),
    number(),
    number(),
  ];
  const head: Head = {
    arms: new Map(),
    keys: new Float32Array(KEY_BUCKETS),
    tokenKeys: new Float32Array(KEY_BUCKETS),
    clockMs,
    watch: { above, below, lessonsSince, sinceMs: isAlarmed === 1 ? since : null },
  };
  fill(head.keys);
  fill(head.tokenKeys);
  for (let index = 0; index < arms; index += 1) {
    if (at + 2 > bytes.length) return null;
    const nameLength = short();
    if (at + nameLength + ARM_NUMBERS * 8 + ARM_FLOATS * 4 > bytes.length) return null;
    const arm = emptyArm(new TextDecoder().decode(bytes.subarray(at, at + nameLength)));
    at += nameLength;
    arm.halvings = number();
    arm.weight = number();
    arm.squares = number();
    arm.tokenWeight = number();
    arm.tokensSeen = number();
    arm.tokensForetold = number();
    for (const values of arraysOf(arm)) fill(values);
    head.arms.set(arm.name, arm);
  }
  return isSound && at === bytes.length && head.arms.size === arms ? head : null;
}

function numbersOf(arm: ArmState): readonly number[] {
  const { halvings, weight, squares, tokenWeight, tokensSeen, tokensForetold } = arm;
  return [halvings, weight, squares, tokenWeight, tokensSeen, tokensForetold];
}

function arraysOf({ score, tokens }: ArmState): readonly Float64Array[] {
  return [score.products, score.moments, tokens.products, tokens.moments];
}
