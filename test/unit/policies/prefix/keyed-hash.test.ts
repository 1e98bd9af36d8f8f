// Keys of prefixes: equal for equal prefixes of one namespace, and for nothing else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BLOCK_TOKENS,
  BLOCK_UNITS,
  hash53,
  hash64Hex,
  prefixRoot,
  tokenKeys,
  tokenKeysFrom,
  unitKeys,
  type RootParts,
} from "../../../../policies/prefix/keyed-hash.ts";

const SECRET = new TextEncoder().encode("a secret of a pool, of thirty-two bytes or more");
const PARTS: RootParts = {
  model: "qwen",
  revision: "1",
  adapter: "",
  namespace: "acme",
  domain: "units256",
};
const ROOT = prefixRoot(SECRET, PARTS);

const anyText = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.repeat(25));
const anyIds = fc.array(fc.nat(200_000), { minLength: BLOCK_TOKENS, maxLength: 5 * BLOCK_TOKENS });

const keysOf = (text: string, root = ROOT) => [...unitKeys(root, [text], Infinity)];

describe("a chain over text", () => {
  test("is the same however the text is cut into pieces", () => {
    fc.assert(
      fc.property(anyText, fc.array(fc.nat(1000), { maxLength: 8 }), (text, cuts) => {
        const at = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b)];
        const pieces = at.map((from, i) => text.slice(from, at[i + 1]));
        expect([...unitKeys(ROOT, pieces, Infinity)]).toEqual(keysOf(text));
      }),
    );
  });

  test("has a whole number below 2^53 for each whole block, and none for what remains", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const keys = keysOf(text);
        expect(keys.length).toBe(Math.floor(text.length / BLOCK_UNITS));
        expect(keys.every((key) => Number.isSafeInteger(key) && key >= 0)).toBe(true);
      }),
    );
  });

  test("goes as far as it is asked to, and not at all below one block", () => {
    const text = "x".repeat(10 * BLOCK_UNITS);
    expect([...unitKeys(ROOT, [text], 3)]).toEqual(keysOf(text).slice(0, 3));
    for (const none of [0, -1, Number.NaN]) expect(unitKeys(ROOT, [text], none)).toHaveLength(0);
    expect(unitKeys(ROOT, [], Infinity)).toHaveLength(0);
  });

  test("keeps the keys before a change, and none from there on", () => {
    fc.assert(
      fc.property(fc.nat(6 * BLOCK_UNITS - 1), fc.integer({ min: 1, max: 65535 }), (at, change) => {
        const text = "abcdefgh".repeat((6 * BLOCK_UNITS) / 8);
        const unit = String.fromCharCode(text.charCodeAt(at) ^ change);
        const changed = keysOf(text.slice(0, at) + unit + text.slice(at + 1));
        const first = Math.floor(at / BLOCK_UNITS);
        keysOf(text).forEach((key, i) => {
          if (i < first) expect(changed[i]).toBe(key);
          else expect(changed[i]).not.toBe(key);
        });
      }),
    );
  });

  test("tells a block of spaces from the next one like it", () => {
    expect(new Set(keysOf(" ".repeat(100 * BLOCK_UNITS))).size).toBe(100);
  });

  test("keeps apart lone halves of a pair, which an encoder would make one", () => {
    expect(keysOf("\ud800".repeat(BLOCK_UNITS))).not.toEqual(keysOf("\ud801".repeat(BLOCK_UNITS)));
  });
});

describe("roots", () => {
  const text = "The same system prompt for everyone. ".repeat(60);

  test.each([
    ["tenant", { namespace: "acme2" }],
    ["model", { model: "qwen2" }],
    ["revision", { revision: "2" }],
    ["adapter", { adapter: "1" }],
    ["domain", { domain: "tokens64" }],
    ["place of the same letters", { model: "qwe", revision: "n1" }],
  ] as const)("of another %s share no key", (_, change) => {
    const others = new Set(keysOf(text, prefixRoot(SECRET, { ...PARTS, ...change })));
    expect(keysOf(text).filter((key) => others.has(key))).toEqual([]);
    expect(keysOf(text, prefixRoot(SECRET, { ...PARTS }))).toEqual(keysOf(text));
  });

  test("tell apart a zero that ends one part from one that begins the next", () => {
    const one = prefixRoot(SECRET, { ...PARTS, model: "a\u0000", revision: "b" });
    const other = prefixRoot(SECRET, { ...PARTS, model: "a", revision: "\u0000b" });
    expect(keysOf(text, one)).not.toEqual(keysOf(text, other));
  });

  test("of another secret share no key, also where it is longer by a zero or shorter by one byte", () => {
    for (const secret of [Uint8Array.of(...SECRET, 0), SECRET.slice(1), new Uint8Array(0)])
      expect(keysOf(text, prefixRoot(secret, PARTS))).not.toContain(keysOf(text)[0]);
  });

  test("never meet, for any two namespaces and any texts", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string(), { minLength: 2, maxLength: 6 }),
        anyText,
        (names, own) => {
          const all = names.flatMap((namespace) =>
            keysOf(text + own, prefixRoot(SECRET, { ...PARTS, namespace })),
          );
          expect(new Set(all).size).toBe(all.length);
        },
      ),
    );
  });
});

describe("a chain over tokens", () => {
  test("goes on from any of its keys without the tokens before it", () => {
    fc.assert(
      fc.property(anyIds, fc.nat(4), (ids, blocks) => {
        const keys = [...tokenKeys(ROOT, ids, Infinity)];
        const at = Math.min(blocks, keys.length);
        const rest = ids.slice(at * BLOCK_TOKENS);
        expect([...tokenKeysFrom(ROOT, keys[at - 1] ?? null, rest, Infinity)]).toEqual(
          keys.slice(at),
        );
      }),
    );
  });

  test("takes ids in any kind of list, and ids beyond 32 bits by all of their bits", () => {
    const ids = Array.from({ length: BLOCK_TOKENS }, (_, i) => i * 7);
    expect(tokenKeys(ROOT, Uint32Array.from(ids), 9)).toEqual(tokenKeys(ROOT, ids, 9));
    const low = tokenKeys(ROOT, ids, 9)[0];
    const high = tokenKeys(ROOT, ids.with(3, ids[3]! + 2 ** 32), 9)[0];
    const higher = tokenKeys(ROOT, ids.with(3, ids[3]! + 2 ** 52), 9)[0];
    expect(new Set([low, high, higher]).size).toBe(3);
  });

  test("behind no parent is not that behind a parent of zero", () => {
    const ids = new Array<number>(BLOCK_TOKENS).fill(1);
    for (const parent of [0, 2 ** 32 - 1, 2 ** 53 - 1])
      expect(tokenKeysFrom(ROOT, parent, ids, 1)).not.toEqual(tokenKeys(ROOT, ids, 1));
  });
});

describe("how keys are spread", () => {
  test("of 200,000 blocks that differ in one token, none meet and each bit is set in half", () => {
    const ids = new Array<number>(BLOCK_TOKENS).fill(0);
    const seen = new Set<number>();
    const ones = new Array<number>(53).fill(0);
    const N = 200_000;
    for (let n = 0; n < N; n++) {
      ids[n % BLOCK_TOKENS] = n;
      const key = tokenKeys(ROOT, ids, 1)[0]!;
      seen.add(key);
      for (let bit = 0; bit < 53; bit++) ones[bit]! += Math.floor(key / 2 ** bit) % 2;
    }
    expect(seen.size).toBe(N);
    // Five standard deviations.
    for (const count of ones) expect(Math.abs(count - N / 2)).toBeLessThan(2.5 * Math.sqrt(N));
  });

  test("one bit of the text changes each bit of the key in half of the cases", () => {
    const flips = new Array<number>(53).fill(0);
    let pairs = 0;
    const text = "avalanche".repeat(40).slice(0, BLOCK_UNITS);
    const before = BigInt(keysOf(text)[0]!);
    for (let at = 0; at < BLOCK_UNITS; at++)
      for (let bit = 0; bit < 16; bit++) {
        const unit = String.fromCharCode(text.charCodeAt(at) ^ (1 << bit));
        const after = BigInt(keysOf(text.slice(0, at) + unit + text.slice(at + 1))[0]!);
        const differs = before ^ after;
        for (let i = 0; i < 53; i++) flips[i]! += Number((differs >> BigInt(i)) & 1n);
        pairs++;
      }
    for (const count of flips)
      expect(Math.abs(count - pairs / 2)).toBeLessThan(2.5 * Math.sqrt(pairs));
  });
});

describe("short names", () => {
  test("are the same for the same text and secret, and others for any other", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, two) => {
        expect(hash64Hex(SECRET, one)).toMatch(/^[0-9a-f]{16}$/);
        expect(Number.isSafeInteger(hash53(SECRET, one))).toBe(true);
        expect(hash64Hex(SECRET, one) === hash64Hex(SECRET, two)).toBe(one === two);
        expect(hash53(SECRET, one) === hash53(SECRET, two)).toBe(one === two);
        expect(hash64Hex(SECRET.slice(1), one)).not.toBe(hash64Hex(SECRET, one));
      }),
    );
  });

  test("of one kind do not give away those of the other", () => {
    const hex = BigInt(`0x${hash64Hex(SECRET, "x")}`);
    expect(BigInt.asUintN(32, hex)).not.toBe(BigInt.asUintN(32, BigInt(hash53(SECRET, "x"))));
  });
});
