// What an isolation test concludes from three answers, what it asks, and what stands of findings afterwards.
import { describe, expect, it } from "vitest";
import { judge, type Isolation, type Judged } from "../../../../policies/placement/isolation.ts";
import { conclude, type Leg } from "../../../../worker/cli/isolation/conclude.ts";
import { readOrder } from "../../../../worker/cli/isolation/order.ts";
import { makePrompt, makeSalt } from "../../../../worker/cli/isolation/prompt.ts";

type Three = readonly [Leg, Leg, Leg];

function legs(cached: readonly (number | null)[], ms: readonly number[] = [300, 40, 300]): Three {
  const made = cached.map((cachedTokens, index): Leg => ({
    salt: index === 2 ? "b" : "a",
    inputTokens: 4000,
    cachedTokens,
    firstTokenMs: ms[index]!,
  }));
  return made as unknown as Three;
}

describe("a replica", () => {
  it.each([
    { cached: [0, 3984, 0], isolation: "kept" },
    { cached: [null, 2000, 0], isolation: "kept" },
    { cached: [0, 1999, 0], isolation: "unproven" },
    { cached: [0, 3984, 3984], isolation: "shared" },
    { cached: [0, 0, 16], isolation: "shared" },
    // Under a salt that is new, even the first answer finds nothing where salts count.
    { cached: [16, 3984, 0], isolation: "shared" },
    { cached: [0, 0, 0], isolation: "unproven" },
    { cached: [null, null, null], isolation: "unproven" },
    { cached: [0, 3984, null], isolation: "unproven" },
  ] as const)("that cached $cached is $isolation", ({ cached, isolation }) => {
    expect(conclude(legs(cached), "vllm", null).isolation).toBe(isolation);
  });

  it("that says nothing was cached and is as fast as a hit is unproven; one whose times tell nothing is kept", () => {
    expect(conclude(legs([0, 3984, 0], [300, 40, 45]), "vllm", null)).toMatchObject({
      isolation: "unproven",
      advice: expect.stringContaining("outside the engine") as string,
    });
    expect(conclude(legs([0, 3984, 0], [300, 40, 55]), "vllm", null).isolation).toBe("kept");
    expect(conclude(legs([0, 3984, 0], [45, 40, 40]), "vllm", null).isolation).toBe("kept");
  });

  it("that proves nothing is told what to switch on, in its engine's words", () => {
    const advice = (engine: string) => conclude(legs([null, null, null]), engine, null).advice;
    expect(advice("vllm")).toContain("--enable-prompt-tokens-details");
    expect(advice("sglang")).toContain("--enable-cache-report");
    expect(advice("another")).toContain("cached_tokens");
  });

  it("that shares since it is sent no salt is told so", () => {
    const { advice } = conclude(legs([0, 9, 9]), "vllm", "the catalog does not declare it");
    expect(advice).toBe("no salt is sent to it, since the catalog does not declare it");
  });
});

describe("findings", () => {
  const known = (isolation: Isolation): Judged[] => [
    { replica: "r0", isolation, atMs: 1, actor: "before", address: null },
  ];
  const after = (isolation: Isolation, found: Isolation | null) =>
    judge(known(isolation), [{ replica: "r0", isolation: found }], [{ id: "r0" }], "now", 2);

  it.each([
    { isolation: "shared", found: "unproven", stands: "shared", by: "before" },
    { isolation: "shared", found: "kept", stands: "kept", by: "now" },
    { isolation: "shared", found: "shared", stands: "shared", by: "now" },
    { isolation: "kept", found: "shared", stands: "shared", by: "now" },
    { isolation: "kept", found: "unproven", stands: "unproven", by: "now" },
    { isolation: "unproven", found: "unproven", stands: "unproven", by: "now" },
  ] as const)(
    "of $found after $isolation leave $stands",
    ({ isolation, found, stands, by: actor }) => {
      expect(after(isolation, found)).toMatchObject([{ replica: "r0", isolation: stands, actor }]);
    },
  );

  it("are taken back by none, and stand for a replica that the pool lacks just now", () => {
    expect(after("shared", null)).toEqual([]);
    expect(judge(known("shared"), [], [{ id: "r1" }], "now", 2)).toEqual(known("shared"));
    expect(judge(known("shared"), [], [{ id: "r0" }, { id: "r1" }], "now", 2)).toEqual(
      known("shared"),
    );
  });
});

describe("a prompt", () => {
  it("is the same for one seed, shares nothing with another's from the first word on, and fits the model", () => {
    const prompt = makePrompt("one", 100_000);
    expect(makePrompt("one", 100_000)).toBe(prompt);
    const other = makePrompt("two", 100_000);
    expect(prompt.slice(0, 7)).not.toBe(other.slice(0, 7));
    const words = new Set(prompt.split(" "));
    expect(other.split(" ").filter((word) => word.length === 7 && words.has(word))).toEqual([]);
    expect(prompt.length).toBeGreaterThan(8_000);
    expect(makePrompt("one", 4096).length).toBeLessThan(4096);
  });

  it("has salts that differ by name and by seed, in an alphabet that every engine takes", () => {
    const salts = [makeSalt("one", "a"), makeSalt("one", "b"), makeSalt("two", "a")];
    expect(new Set(salts).size).toBe(3);
    for (const salt of salts) expect(salt).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("an order", () => {
  const environment = { ADMIN_SECRET: "secret", ENGINE_KEY: "key", EMPTY: "" };
  const read = (...words: string[]) => readOrder(words, environment, "chance");

  it("names the upstream, and the rest as it is usual", () => {
    const order = read("--upstream", "chat");
    expect(order).toMatchObject({
      gateway: { url: "http://127.0.0.1:8787", adminSecret: "secret" },
      upstream: "chat",
      model: null,
      replicas: [],
      seed: "chance",
      keeps: true,
      forgets: false,
    });
    expect(order?.secret("ENGINE_KEY")).toBe("key");
    expect(order?.secret("EMPTY")).toBeNull();
    expect(read("--help")).toBeNull();
  });

  it.each([
    { words: [], why: "--upstream is missing" },
    { words: ["--upstream", "chat", "--nonsense"], why: "--nonsense" },
    { words: ["--upstream", "chat", "--gateway", "ftp://x"], why: "--gateway must be" },
    { words: ["--upstream", "chat", "--gateway", "http://x/admin"], why: "without a path" },
    { words: ["--upstream", "chat", "--dry-run", "--forget"], why: "exclude each other" },
  ])("$words is refused: $why", ({ words, why }) => {
    expect(() => read(...words)).toThrow(why);
  });

  it("needs the admin secret", () => {
    expect(() => readOrder(["--upstream", "chat"], {}, "chance")).toThrow(
      "ADMIN_SECRET is not set",
    );
  });
});
