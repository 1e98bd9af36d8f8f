// What a provider is taken to have cached.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CACHE_HINT_LENGTH_MAX, cacheHint } from "../../../../policies/prefix/cache-hint.ts";
import {
  NAMESPACE_ENTRIES_MAX,
  PROVIDER_ENTRIES_MAX,
  ProviderCache,
} from "../../../../policies/prefix/provider-cache.ts";

const SETTINGS = {
  ttlMs: 300_000,
  minTokens: 1024,
  entriesMax: PROVIDER_ENTRIES_MAX,
  namespaceEntriesMax: NAMESPACE_ENTRIES_MAX,
};
const TOKENS = 64;
const NOTHING = { cachedBlocks: 0, cachedTokens: 0 };
const prompt = (from: number, blocks: number) => Array.from({ length: blocks }, (_, i) => from + i);

function after(...prompts: number[][]): ProviderCache {
  const cache = new ProviderCache(SETTINGS);
  for (const keys of prompts) cache.used("acme", keys, TOKENS, 0);
  return cache;
}

describe("a prefix", () => {
  test("that was sent is cached as far as prompts are equal, and a block that is missing ends it", () => {
    const cache = after(prompt(0, 100));
    expect(cache.predict("acme", prompt(0, 120), TOKENS, 1000)).toEqual({
      cachedBlocks: 100,
      cachedTokens: 6400,
    });
    const holed = prompt(0, 100).with(20, -1);
    expect(cache.predict("acme", holed, TOKENS, 1000).cachedBlocks).toBe(20);
    expect(cache.predict("acme", prompt(500, 100), TOKENS, 1000)).toEqual(NOTHING);
  });

  test("of another namespace is nobody's, were its keys equal", () => {
    expect(after(prompt(0, 100)).predict("other", prompt(0, 100), TOKENS, 0)).toEqual(NOTHING);
  });

  test("that is shorter than the provider caches is not cached, neither as a prompt nor as what two share", () => {
    expect(after(prompt(0, 15)).entries).toBe(0);
    expect(after(prompt(0, 16)).predict("acme", prompt(0, 16), TOKENS, 0).cachedBlocks).toBe(16);
    const branch = [...prompt(0, 15), ...prompt(900, 50)];
    expect(after(prompt(0, 100)).predict("acme", branch, TOKENS, 0)).toEqual(NOTHING);
  });

  test("lives for its time after its last use, and a prediction is no use", () => {
    const cache = after(prompt(0, 100));
    const at = (nowMs: number) => cache.predict("acme", prompt(0, 100), TOKENS, nowMs).cachedBlocks;
    expect(at(299_999)).toBe(100);
    expect(at(300_000)).toBe(0);
    cache.used("acme", prompt(0, 50), TOKENS, 200_000);
    expect(at(400_000)).toBe(50);
  });

  test("is known to have been sent when it is cached no more, and only as far as it was", () => {
    const cache = after(prompt(0, 100));
    expect(cache.predict("acme", prompt(0, 120), TOKENS, 900_000)).toEqual(NOTHING);
    expect(cache.sentBlocks("acme", prompt(0, 120))).toBe(100);
    expect(cache.sentBlocks("other", prompt(0, 120))).toBe(0);
  });

  test("does not live longer because a clock went back", () => {
    const cache = after(prompt(0, 100));
    cache.used("acme", prompt(900, 100), TOKENS, 400_000);
    cache.used("acme", prompt(2000, 100), TOKENS, 1000);
    expect(cache.predict("acme", prompt(0, 100), TOKENS, 1000)).toEqual(NOTHING);
    expect(cache.predict("acme", prompt(2000, 100), TOKENS, 399_000).cachedBlocks).toBe(100);
  });
});

describe("room", () => {
  test("a namespace that floods loses its own prefixes, the deepest blocks of the oldest first", () => {
    const cache = after(prompt(0, 100));
    cache.used("quiet", prompt(0, 100), TOKENS, 0);
    for (let i = 1; i <= 40; i++) cache.used("acme", prompt(i * 1000, 101), TOKENS, i);
    expect(cache.entries).toBe(NAMESPACE_ENTRIES_MAX + 100);
    expect(cache.predict("quiet", prompt(0, 100), TOKENS, 50).cachedBlocks).toBe(100);
    expect(cache.predict("acme", prompt(0, 100), TOKENS, 50).cachedBlocks).toBe(56);
  });

  test("of all goes to those that were here last, and is never more than stated", () => {
    const settings = { ...SETTINGS, minTokens: 0, entriesMax: 300, namespaceEntriesMax: 100 };
    const cache = new ProviderCache(settings);
    for (const name of ["a", "b", "c", "d"]) cache.used(name, prompt(0, 90), TOKENS, 0);
    const left = ["a", "b", "c", "d"].map(
      (name) => cache.predict(name, prompt(0, 90), TOKENS, 0).cachedBlocks,
    );
    expect(left).toEqual([30, 90, 90, 90]);
    cache.used("e", prompt(0, 1000), TOKENS, 0);
    expect(cache.predict("e", prompt(0, 1000), TOKENS, 0).cachedBlocks).toBe(100);
    expect(cache.entries).toBe(300);
  });

  test("is kept for any uses, and every prediction is a prefix that was sent", () => {
    const uses = fc.array(
      fc.record({ name: fc.constantFrom("a", "b", "c"), from: fc.nat(3), blocks: fc.nat(80) }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(uses, (all) => {
        const settings = { ...SETTINGS, minTokens: 0, entriesMax: 100, namespaceEntriesMax: 50 };
        const cache = new ProviderCache(settings);
        const sent = new Map<string, number>();
        for (const [i, { name, from, blocks }] of all.entries()) {
          const longest = sent.get(`${name}${from}`) ?? 0;
          const found = cache.predict(name, prompt(from * 1000, 90), TOKENS, i).cachedBlocks;
          expect(found).toBeLessThanOrEqual(Math.min(longest, 50));
          cache.used(name, prompt(from * 1000, blocks), TOKENS, i);
          sent.set(`${name}${from}`, Math.max(longest, blocks));
          expect(cache.entries).toBeLessThanOrEqual(100);
          const own = cache.predict(name, prompt(from * 1000, blocks), TOKENS, i).cachedBlocks;
          expect(own).toBe(Math.min(blocks, 50));
        }
      }),
    );
  });
});

describe("trust", () => {
  test("falls where predictions are not borne out, and comes back", () => {
    const cache = after(prompt(0, 100));
    for (let i = 0; i < 100; i++) cache.reported("acme", 6400, 0);
    const doubted = cache.predict("acme", prompt(0, 100), TOKENS, 0);
    expect(doubted.cachedBlocks).toBe(100);
    expect(doubted.cachedTokens).toBeLessThan(640);
    for (let i = 0; i < 100; i++) cache.reported("acme", 6400, 6300);
    expect(cache.trustIn("acme")).toBeGreaterThan(0.9);
  });

  test("is not touched by a report of what nobody predicted, and never above one", () => {
    const cache = after(prompt(0, 100));
    for (const [predicted, cached] of [
      [0, 0],
      [0, 500],
      [100, Number.NaN],
      [100, -1],
    ] as const)
      cache.reported("acme", predicted, cached);
    expect(cache.trustIn("acme")).toBe(1);
    cache.reported("acme", 100, 5000);
    expect(cache.trustIn("acme")).toBe(1);
  });

  test("is each namespace's own: what one is told moves nobody else's predictions", () => {
    const cache = after(prompt(0, 100));
    cache.used("other", prompt(0, 100), TOKENS, 0);
    for (let i = 0; i < 100; i++) cache.reported("other", 6400, 0);
    expect(cache.trustIn("other")).toBeLessThan(0.1);
    expect(cache.predict("acme", prompt(0, 100), TOKENS, 0).cachedTokens).toBe(6400);
  });
});

describe("a cache hint", () => {
  const secret = new TextEncoder().encode("a secret");

  test("is the same for every turn of a conversation, and no longer than the field", () => {
    const hint = cacheHint(secret, "acme", prompt(7, 3));
    expect(hint).toBe(cacheHint(secret, "acme", Float64Array.from(prompt(7, 30))));
    expect(hint).toMatch(/^sluice-[0-9a-f]{16}$/);
    expect(hint!.length).toBeLessThanOrEqual(CACHE_HINT_LENGTH_MAX);
  });

  test("is another for another tenant, beginning or secret, and none below one block", () => {
    const hints = [
      cacheHint(secret, "acme", [7]),
      cacheHint(secret, "other", [7]),
      cacheHint(secret, "acme", [8]),
      cacheHint(secret.slice(1), "acme", [7]),
      cacheHint(secret, "1:acme", [7]),
    ];
    expect(new Set(hints).size).toBe(hints.length);
    expect(cacheHint(secret, "acme", [])).toBeNull();
  });
});
