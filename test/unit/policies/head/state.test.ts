// A head as bytes and back.
import { describe, expect, test } from "vitest";
import { advise } from "../../../../policies/head/advise.ts";
import { teach } from "../../../../policies/head/learn.ts";
import {
  decodeHead,
  emptyHead,
  encodeHead,
  HEAD_BYTES_MAX,
  type Head,
} from "../../../../policies/head/state.ts";
import { seeded } from "../../../../policies/replay/random.ts";
import { aLesson, anInput, EXPECTED } from "./a-lesson.ts";

function aHead(seed: number) {
  const draw = seeded(seed);
  const head = emptyHead([]);
  const arms = Math.floor(draw() * 20);
  for (let index = 0; index < 60; index += 1) {
    const model = `modèle/${Math.floor(draw() * (arms + 1))}`;
    const mode = draw() < 0.5 ? "short" : null;
    teach(head, aLesson(draw, { arm: { model, mode }, score: draw() < 0.2 ? null : draw() }));
  }
  return head;
}

/** All of a head but its sums. */
function sumless({ arms, ...rest }: Head): object {
  return {
    ...rest,
    arms: [...arms.values()].map(({ score: _score, tokens: _tokens, ...numbers }) => numbers),
  };
}

describe("the codec", () => {
  test.each([1, 2, 3, 4, 5, 6])("what is read is what was written (seed %i)", (seed) => {
    const head = aHead(seed);
    const bytes = encodeHead(head);
    expect(bytes.length).toBeLessThanOrEqual(HEAD_BYTES_MAX);
    const read = decodeHead(bytes);
    // Sums lose their last bits in writing, and only the first time.
    expect(decodeHead(encodeHead(read!))).toEqual(read);
    expect(encodeHead(read!)).toEqual(bytes);
    expect(sumless(read!)).toEqual(sumless(head));
    const input = anInput(seeded(seed + 50));
    for (const name of head.arms.keys()) {
      const [model, mode] = [name.slice(0, name.lastIndexOf("/")), name.endsWith("short")];
      const arm = { model, mode: mode ? "short" : null } as const;
      const [before, after] = [head, read!].map((of) => advise(of, input).correct(arm, EXPECTED));
      // What was taught since the last factorisation is in the copy's, and is little.
      if (before === null) expect(after).toBeNull();
      else expect(after!.score).toBeCloseTo(before!.score, 1);
    }
  });

  test("a view into a larger buffer is read as well as a whole one", () => {
    const bytes = encodeHead(aHead(1));
    const larger = new Uint8Array(bytes.length + 7);
    larger.set(bytes, 3);
    expect(decodeHead(larger.subarray(3, 3 + bytes.length))).toEqual(decodeHead(bytes));
  });

  test("other bytes are no head: empty, of another version, cut, longer, or with what is no number", () => {
    const bytes = encodeHead(aHead(2));
    const changed = (at: number, value: number): Uint8Array => {
      const copy = bytes.slice();
      copy[at] = value;
      return copy;
    };
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    const unsound = bytes.slice();
    new DataView(unsound.buffer).setFloat32(bytes.length - 4, Number.NaN, true);
    for (const wrong of [
      new Uint8Array(0),
      changed(0, 1),
      changed(2, 9),
      changed(4, 9),
      longer,
      unsound,
    ])
      expect(decodeHead(wrong)).toBeNull();
    for (let cut = 0; cut < bytes.length; cut += 997)
      expect(decodeHead(bytes.subarray(0, cut))).toBeNull();
    expect(decodeHead(bytes)).not.toBeNull();
  });

  test("a full head fits the row of an object, and an arm in 64 KB", () => {
    expect(HEAD_BYTES_MAX).toBeLessThan(2_000_000);
    const bytesOf = (models: readonly string[]): number =>
      encodeHead(emptyHead(models.map((model) => ({ model, mode: null })))).length;
    expect(bytesOf(["a", "b"]) - bytesOf(["a"])).toBeLessThan(64 * 1024);
  });
});
