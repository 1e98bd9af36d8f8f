// Ways to cut bytes into unkind writes: one at a time, or inside every wide character.
import type { Step } from "./step.ts";

/** Each byte is a chunk and a system call; past this the rest goes at once, or a long answer takes minutes. */
export const oneByteWritesMax = 16_384;

/** Without a pause the kernel would join two writes into one segment. */
const separateMs = 2;

/** A text full of wide characters has its first ones split, and no answer takes forever. */
const wideCutsMax = 24;

export function oneByOne(bytes: Uint8Array): Step[] {
  const single = bytes.subarray(0, oneByteWritesMax);
  const steps: Step[] = Array.from(single, (_, index) => ({
    kind: "write",
    bytes: single.subarray(index, index + 1),
  }));
  if (bytes.length > oneByteWritesMax)
    steps.push({ kind: "write", bytes: bytes.subarray(oneByteWritesMax) });
  return steps;
}

/** Writes that each end after the first byte of a character of several. */
export function cutWide(bytes: Uint8Array): Step[] {
  const steps: Step[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length && steps.length < wideCutsMax * 2; at += 1) {
    if ((bytes[at] ?? 0) < 0xc0) continue;
    steps.push(
      { kind: "write", bytes: bytes.subarray(from, at + 1) },
      { kind: "wait", waitMs: separateMs },
    );
    from = at + 1;
  }
  steps.push({ kind: "write", bytes: bytes.subarray(from) });
  return steps;
}
