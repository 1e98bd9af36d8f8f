// Where prompts repeat each other, and what is offered of it. Properties print their seed.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  align,
  DONORS_MAX,
  donorOf,
  EARLY_UNITS,
  MARK_UNITS,
  PROMPT_UNITS_MAX,
  sharedBeginning,
  unitsOf,
  WINDOW_UNITS,
  type Donor,
} from "../../../../policies/prefix/align.ts";
import { prefixRoot } from "../../../../policies/prefix/keyed-hash.ts";
import { reuseHint } from "../../../../policies/prefix/reuse-hint.ts";
import { prose } from "./prose.ts";

function rootOf(namespace: string) {
  const parts = { model: "m", revision: "", adapter: "", namespace, domain: "units256" } as const;
  return prefixRoot(new TextEncoder().encode("secret"), parts);
}
const ROOT = rootOf("acme");

const donor = (text: string, name = "donor") => donorOf(ROOT, unitsOf([text]), name);
const spansOf = (text: string, ...donors: Donor[]) => align(ROOT, unitsOf([text]), donors);

/** The part of the text that stands in spans. */
function share(text: string, ...donors: Donor[]): number {
  return spansOf(text, ...donors).reduce((sum, { from, to }) => sum + to - from, 0) / text.length;
}

const TEXT = prose(1, 16_000);

describe("a prompt like an earlier one", () => {
  test("from the beginning is one span, up to where it parts", () => {
    expect(spansOf(TEXT, donor(TEXT))).toMatchObject([
      { from: 0, to: 16_000, delta: 0, context: "prefix" },
    ]);
    const parted = TEXT.slice(0, 8000) + prose(2, 8000);
    expect(spansOf(parted, donor(TEXT))).toMatchObject([{ from: 0, to: 8000, context: "prefix" }]);
  });

  test.each([
    ["fresh text in front", prose(2, 160) + TEXT, 0.97],
    [
      "a line inserted in the middle",
      `${TEXT.slice(0, 8000)}${prose(2, 28)}${TEXT.slice(8000)}`,
      0.97,
    ],
    ["a word taken out", TEXT.slice(0, 5001) + TEXT.slice(5011), 0.97],
    ["eight words replaced by as long ones", eightReplaced(TEXT), 0.9],
    ["five parts in another order", inOtherOrder(TEXT), 0.95],
  ])("with %s is found nearly whole", (_, text, least) => {
    expect(share(text, donor(TEXT))).toBeGreaterThan(least);
  });

  test("is found over several donors, of which the longest beginning counts as the prefix", () => {
    const [one, two] = [prose(3, 6400), prose(4, 6400)];
    const spans = spansOf(
      one + TEXT + two,
      donor(one),
      donor(one + TEXT, "longer"),
      donor(two, "two"),
    );
    expect(spans).toMatchObject([
      { from: 0, to: 22_400, context: "prefix", donor: { name: "longer" } },
      { from: 22_400, to: 28_800, delta: -22_400, context: "canonical", donor: { name: "two" } },
    ]);
  });

  test("is found from two windows on, and not for one", () => {
    const within = (length: number) => prose(2, 100) + TEXT.slice(64, 64 + length) + prose(3, 100);
    expect(spansOf(within(64), donor(TEXT))).toEqual([]);
    expect(spansOf(within(128), donor(TEXT))).toMatchObject([{ from: 100, to: 228, delta: -36 }]);
  });

  test("that repeats itself goes on behind an edit where it would have gone on without", () => {
    const [one, two, three] = [prose(3, 640), prose(4, 640), prose(5, 640)];
    const edited = one + two.slice(0, 576) + prose(6, 64) + one + three;
    expect(spansOf(edited, donor(one + two + one + three))).toMatchObject([
      { from: 0, to: 1216, delta: 0 },
      { from: 1280, to: 2560, delta: 0 },
    ]);
  });

  test("of another namespace is never found", () => {
    expect(align(rootOf("other"), unitsOf([TEXT]), [donor(TEXT)])).toEqual([]);
    expect(sharedBeginning(donorOf(rootOf("other"), unitsOf([TEXT]), ""), donor(TEXT))).toBe(0);
  });

  test("in nothing is not found", () => {
    for (let seed = 2; seed < 12; seed++)
      expect(spansOf(prose(seed, 16_000), donor(TEXT))).toEqual([]);
    expect(spansOf("", donor(TEXT))).toEqual([]);
    expect(spansOf(TEXT)).toEqual([]);
    expect(spansOf("short", donor("short"))).toEqual([]);
  });
});

test("spans are true, in order and apart, for any cut and paste", () => {
  const piece = fc.record({ from: fc.nat(15_000), length: fc.nat(2000), fresh: fc.nat(300) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces
        .map(
          ({ from, length, fresh }, i) => TEXT.slice(from, from + length) + prose(100 + i, fresh),
        )
        .join("");
      let end = 0;
      for (const { from, to, delta, context } of spansOf(text, donor(TEXT))) {
        expect(from).toBeGreaterThanOrEqual(end);
        expect(text.slice(from, to)).toBe(TEXT.slice(from + delta, to + delta));
        expect(context === "other").toBe(from + delta !== 0);
        end = to;
      }
      expect(end).toBeLessThanOrEqual(text.length);
    }),
    { numRuns: 40 },
  );
});

test.each([
  ["one sign", "a".repeat(PROMPT_UNITS_MAX + 5000)],
  ["a period that fits no window", "abcdefg".repeat(30_000)],
  ["pairs of equal windows that never go on", pairs()],
])("text of %s is aligned as well, and no longer than stated", (_, text) => {
  const donors = Array.from({ length: DONORS_MAX + 3 }, (_d, i) => donor(text.slice(i)));
  const spans = spansOf(text, ...donors);
  expect(spans.length).toBeGreaterThan(0);
  expect(spans.at(-1)!.to).toBeLessThanOrEqual(PROMPT_UNITS_MAX);
  expect(donors[0]!.windows.length).toBeLessThanOrEqual(PROMPT_UNITS_MAX / WINDOW_UNITS);
});

test("how far two begin alike is told within eight units, however long they are", () => {
  fc.assert(
    fc.property(fc.nat(EARLY_UNITS + 500), (at) => {
      const shared = sharedBeginning(
        donor(`${TEXT.slice(0, at)}\u0000${TEXT.slice(at + 1)}`),
        donor(TEXT),
      );
      expect(shared).toBe(Math.min(EARLY_UNITS, Math.floor(at / MARK_UNITS) * MARK_UNITS));
    }),
  );
});

describe("a hint", () => {
  test("offers what was computed with nothing before it, and the rest is computed again", () => {
    const text = prose(2, 640) + TEXT + prose(3, 640);
    expect(reuseHint("acme", spansOf(text, donor(TEXT)), text.length)).toEqual({
      namespace: "acme",
      spans: [{ from: 640, to: 16_640, donor: "donor", delta: -640, context: "canonical" }],
      recompute: [
        [0, 704],
        [16_640, 17_280],
      ],
      policy: "epic-16",
      prefixUnits: 0,
      isEstimated: true,
    });
  });

  test("beside a prefix leaves that whole", () => {
    const [one, two] = [donor(prose(4, 640), "one"), donor(TEXT, "two")];
    const text = prose(4, 640) + prose(5, 64) + TEXT;
    expect(reuseHint("acme", spansOf(text, one, two), text.length)).toMatchObject({
      prefixUnits: 640,
      recompute: [[640, 768]],
    });
  });

  test("is not given for a prefix alone, for nothing, or for what stood behind another text", () => {
    expect(reuseHint("acme", spansOf(TEXT, donor(TEXT)), TEXT.length)).toBeNull();
    expect(reuseHint("acme", [], 100)).toBeNull();
    const inner = spansOf(TEXT, donor(prose(2, 6400) + TEXT));
    expect(inner).toMatchObject([{ context: "other" }]);
    expect(reuseHint("acme", inner, TEXT.length)).toBeNull();
    const [own, behind] = [donor(prose(4, 640), "own"), donor(prose(2, 6400) + TEXT, "behind")];
    const both = prose(5, 64) + prose(4, 640) + TEXT;
    expect(reuseHint("acme", spansOf(both, own, behind), both.length)).toMatchObject({
      spans: [{ donor: "own" }],
      recompute: [
        [0, 128],
        [704, both.length],
      ],
    });
  });
});

function eightReplaced(text: string): string {
  let replaced = text;
  for (let at = 1000; at < text.length; at += 2000)
    replaced = `${replaced.slice(0, at)}SOMETHING${replaced.slice(at + 9)}`;
  return replaced;
}

function inOtherOrder(text: string): string {
  return [3, 1, 4, 0, 2].map((part) => text.slice(part * 3200, (part + 1) * 3200)).join("");
}

/** Each window stands twice and is followed by another one each time. */
function pairs(): string {
  let text = "";
  for (let i = 0; i < 1000; i++) text += prose(i % 500, WINDOW_UNITS);
  return text;
}
