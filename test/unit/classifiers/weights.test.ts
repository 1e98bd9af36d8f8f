// Bytes that are no weights are refused with what is wrong; none of them makes the probe throw.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classify } from "../../../classifiers/classify.ts";
import { MAGIC, openWeights, WEIGHTS_BYTES_MAX } from "../../../classifiers/weights.ts";
import { SHIPPED_FILE } from "./shipped.ts";

const SHIPPED = new Uint8Array(readFileSync(SHIPPED_FILE));
const HEAD_END = MAGIC.length + 4;
const headerBytes = new DataView(SHIPPED.buffer).getUint32(MAGIC.length, true);
const HEADER = JSON.parse(
  new TextDecoder().decode(SHIPPED.subarray(HEAD_END, HEAD_END + headerBytes)),
) as Record<string, unknown>;

function problemOf(bytes: Uint8Array): string {
  const opened = openWeights(bytes);
  return opened.kind === "unreadable" ? opened.problem : "none";
}

/** The shipped bytes with `change` made on a copy. */
function changed(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const copy = SHIPPED.slice();
  change(copy, new DataView(copy.buffer));
  return copy;
}

function withHeader(text: string): Uint8Array {
  const head = new TextEncoder().encode(text);
  const body = SHIPPED.subarray(HEAD_END + headerBytes);
  const bytes = new Uint8Array(HEAD_END + head.length + body.length);
  bytes.set(SHIPPED.subarray(0, MAGIC.length));
  new DataView(bytes.buffer).setUint32(MAGIC.length, head.length, true);
  bytes.set(head, HEAD_END);
  bytes.set(body, HEAD_END + head.length);
  return bytes;
}

const header = (entries: object): Uint8Array =>
  withHeader(JSON.stringify({ ...HEADER, ...entries }));
/** Where the keys end and the floats begin. */
const FLOATS = HEAD_END + headerBytes + Number(HEADER["words"]) * 4;

describe("what ships", () => {
  test("opens, also from the middle of a buffer, and has at most 1 MB", () => {
    expect(problemOf(SHIPPED)).toBe("none");
    const shifted = new Uint8Array(SHIPPED.length + 3);
    shifted.set(SHIPPED, 3);
    expect(problemOf(shifted.subarray(3))).toBe("none");
    expect(SHIPPED.length).toBeLessThanOrEqual(1_048_576);
  });

  test("was trained on nothing but the seed and the queries that it names", () => {
    expect(HEADER["made"]).toMatchObject({ recipe: "blend", excluded: [] });
  });
});

describe("what does not open says why", () => {
  test.each<[string, Uint8Array, RegExp]>([
    ["nothing", new Uint8Array(), /does not begin as weights do; make them with npm run train/],
    ["another file", new TextEncoder().encode("#!/bin/sh\necho hello there\n"), /does not begin/],
    ["the magic alone", SHIPPED.slice(0, MAGIC.length), /ends within its head/],
    ["a head cut short", SHIPPED.slice(0, MAGIC.length + 3), /ends within its head/],
    ["a header cut short", SHIPPED.slice(0, HEAD_END + 100), /ends within its header/],
    ["a body cut short", SHIPPED.slice(0, -1), /has \d+ bytes, not the \d+ that its header/],
    ["a byte too many", new Uint8Array([...SHIPPED, 0]), /has \d+ bytes, not the \d+/],
    ["a megabyte more", new Uint8Array(WEIGHTS_BYTES_MAX + 1), /more than 1048576/],
    [
      "a header of 4 GB",
      changed((_, view) => {
        view.setUint32(MAGIC.length, 0xffffffff, true);
      }),
      /ends within its header/,
    ],
    ["no JSON", withHeader("{"), /a header that is not JSON/],
    ["deep JSON", withHeader("[".repeat(60_000)), /a header that is not JSON/],
    ["null", withHeader("null"), /version undefined, and this build reads 3/],
    ["words of cues that are no text", header({ cues: { steps: 1 } }), /lack the words/],
    ["another version", header({ version: 1 }), /are of version 1, and this build reads 3/],
    ["an odd version", header({ version: { toString: 1 } }), /are of version/],
    ["other signals", header({ signals: ["length"] }), /other signals/],
    ["odd signals", header({ signals: [{ toString: 1 }] }), /other signals/],
    ["no networks", header({ networks: [] }), /no network/],
    ["networks that are no list", header({ networks: { width: 1 } }), /no list of networks/],
    ["a network that is none", header({ networks: [null] }), /sizes that cannot be/],
    ["words beyond sense", header({ words: 1e12 }), /sizes that cannot be/],
    ["half a word", header({ words: 0.5 }), /sizes that cannot be/],
    ["other sizes", header({ words: 17 }), /not the \d+ that its header tells of/],
    ["a lost line", header({ hard: null }), /lack a number/],
    ["a word for a number", header({ difficulty: { level: "high" } }), /lack a number/],
    ["no anchor", header({ anchor: null }), /lack the anchor/],
    ["an odd anchor", header({ anchor: { stemChars: "much" } }), /lack a number/],
    [
      "NaN",
      changed((_, view) => {
        view.setFloat32(FLOATS, NaN, true);
      }),
      /not finite/,
    ],
    [
      "infinity",
      changed((_, view) => {
        view.setFloat32(FLOATS, Infinity, true);
      }),
      /not finite/,
    ],
    [
      "a number that would overflow",
      changed((_, view) => {
        view.setFloat32(FLOATS, 1e30, true);
      }),
      /beyond/,
    ],
    [
      "a deviation of 0",
      changed((_, view) => {
        view.setFloat32(FLOATS + 4 * (HEADER["signals"] as string[]).length, 0, true);
      }),
      /deviation/,
    ],
    [
      "a word twice",
      changed((bytes) => {
        const keys = HEAD_END + headerBytes;
        bytes.copyWithin(keys + 4, keys, keys + 4);
      }),
      /a word twice/,
    ],
  ])("%s", (_name, bytes, problem) => {
    expect(problemOf(bytes)).toMatch(problem);
  });
});

describe("any damage", () => {
  test("is refused or opens to a probe that stays in its ranges; it never throws", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(fc.nat(SHIPPED.length - 1), fc.nat(HEAD_END + headerBytes)),
            fc.nat(255),
          ),
          { minLength: 1, maxLength: 8 },
        ),
        (places) => {
          const opened = openWeights(
            changed((bytes) => {
              for (const [at, byte] of places) bytes[at] = byte;
            }),
          );
          if (opened.kind === "unreadable") {
            expect(opened.problem).not.toBe("");
            return;
          }
          const { hard, difficulty, confidence, expectedTokens } = classify(
            "Which of 3 boats is the fastest, and why?",
            opened.weights,
          );
          for (const share of [hard, difficulty, confidence]) {
            expect(share).toBeGreaterThanOrEqual(0);
            expect(share).toBeLessThanOrEqual(1);
          }
          for (const tokens of Object.values(expectedTokens)) expect(tokens).toBeGreaterThan(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("any JSON for any entry of the header is refused or opens", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(HEADER)), fc.jsonValue(), (entry, value) => {
        expect(["opened", "unreadable"]).toContain(openWeights(header({ [entry]: value })).kind);
      }),
      { numRuns: 200 },
    );
  });

  test("any bytes after the magic are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const bytes = new Uint8Array([...new TextEncoder().encode(MAGIC), ...rest]);
        expect(openWeights(bytes).kind).toBe("unreadable");
      }),
    );
  });
});
