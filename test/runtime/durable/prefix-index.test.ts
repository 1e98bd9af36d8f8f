// The prefix index of a pool inside workerd: where calls go, what they wait for, and that no ending, death or clock leaves
// one of them stuck.
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { PrefixIndex } from "../../../durable/prefix-index.ts";
import { Dispatch } from "../../../policies/placement/dispatch.ts";
import type { PlaceAnswer } from "../../../policies/placement/pool.ts";
import {
  ask,
  FAULT,
  FINE,
  replica,
  settings,
  UNTOLD,
} from "../../unit/policies/placement/pool-samples.ts";
import { stopClockOfEach } from "./a-clock.ts";
import { freshPool, replicaOf, type Stub } from "./pool-samples.ts";

const POOL = settings();
/** One call at once in the whole pool. */
const NARROW = settings({ concurrencyMax: 1 });

const clock = stopClockOfEach();

async function run(pool: Stub, callId: string, first: number, cachedTokens: number | null = null) {
  const answer = await pool.place(POOL, ask(callId, first));
  await pool.firstToken(callId);
  clock.advance(1_000);
  // Of ten and a half blocks: half a one stands behind the last, on average.
  await pool.ended(callId, { inputTokens: 672, cachedTokens, isFault: false });
  clock.advance(20_000);
  return answer;
}

describe("where a call goes", () => {
  it("is where its prefix is cached, and says how much of it; another prompt has nothing of it", async () => {
    const pool = freshPool("prefix");
    const home = replicaOf(await run(pool, "a", 1));
    expect(await pool.place(POOL, ask("b", 1, 12))).toMatchObject({
      kind: "placed",
      replica: home,
      matchedBlocks: 10,
      cachedTokens: 640,
    });
    expect(await pool.place(POOL, ask("c", 500))).toMatchObject({ matchedBlocks: 0 });
  });

  it("is said again to one that asks twice, and costs one slot", async () => {
    const pool = freshPool("twice");
    const first = await pool.place(NARROW, ask("a"));
    expect(await pool.place(NARROW, ask("a"))).toEqual(first);
    expect(await pool.report(NARROW)).toMatchObject({ calls: 1 });
    expect(await pool.ended("a", FINE)).toEqual({ isKnown: true });
    expect(await pool.ended("a", FINE)).toEqual({ isKnown: false });
    expect(await pool.report(NARROW)).toMatchObject({ calls: 0 });
  });

  it("is its pin, and never what it avoids; a pin that is no replica of the pool is none", async () => {
    const pool = freshPool("pin");
    const home = replicaOf(await run(pool, "a", 1));
    const [other] = POOL.replicas.map(({ id }) => id).filter((id) => id !== home);
    expect(replicaOf(await pool.place(POOL, ask("b", 1, 10, { pin: other! })))).toBe(other);
    expect(replicaOf(await pool.place(POOL, ask("c", 1, 10, { avoid: [home] })))).not.toBe(home);
    expect(replicaOf(await pool.place(POOL, ask("d", 1, 10, { pin: "gone" })))).toBe(home);
  });

  it("is one of the caller's own replicas, while another caller's catalog still has others", async () => {
    const pool = freshPool("catalogs");
    const old = settings({ replicas: [replica("old")] });
    const now = settings({ replicas: [replica("new")] });
    expect(replicaOf(await pool.place(old, ask("a")))).toBe("old");
    expect(replicaOf(await pool.place(now, ask("b")))).toBe("new");
    expect(replicaOf(await pool.place(old, ask("c")))).toBe("old");
    const { replicas } = await pool.report(now);
    expect(replicas.map(({ id, state }) => [id, state])).toEqual([
      ["old", "retired"],
      ["new", "up"],
    ]);
  });
});

describe("a pool with a cap", () => {
  it("lets a call wait, and gives it the slot of one that ends", async () => {
    const pool = freshPool("waits");
    await pool.place(NARROW, ask("a"));
    const waiting = pool.place(NARROW, ask("b"));
    expect(await pool.report(NARROW)).toMatchObject({ calls: 1, line: { length: 1 } });
    clock.advance(700);
    await pool.ended("a", FINE);
    expect(await waiting).toMatchObject({ kind: "placed", waitedMs: 700 });
    expect(await pool.report(NARROW)).toMatchObject({ calls: 1, line: { length: 0, placed: 2 } });
  });

  it("refuses a call that waited as long as it may, or that will not wait", async () => {
    const pool = freshPool("full");
    await pool.place(NARROW, ask("a"));
    const waiting = pool.place(NARROW, ask("b"));
    await pool.report(NARROW);
    const hasty = await pool.place(NARROW, ask("c", 1, 10, { waitMsMax: 0 }));
    expect(hasty).toEqual({ kind: "full", retryAfterMs: expect.any(Number) });
    clock.advance(10_000);
    await pool.firstToken("a");
    expect(await waiting).toMatchObject({ kind: "full" });
  });

  it("refuses in time by its own timer, though nobody calls it again", async () => {
    const pool = freshPool("timer");
    vi.restoreAllMocks();
    await pool.place(NARROW, ask("a"));
    const answer = await pool.place(NARROW, ask("b", 1, 10, { waitMsMax: 30 }));
    expect(answer).toMatchObject({ kind: "full" });
  });

  it("gives both who ask with one call id the same answer", async () => {
    const pool = freshPool("same");
    await pool.place(NARROW, ask("a"));
    const both = [pool.place(NARROW, ask("b")), pool.place(NARROW, ask("b"))];
    expect(await pool.report(NARROW)).toMatchObject({ line: { length: 1 } });
    await pool.ended("a", FINE);
    const [first, second] = await Promise.all(both);
    expect(first).toMatchObject({ kind: "placed" });
    expect(second).toEqual(first);
  });

  it("lets a call that waits leave", async () => {
    const pool = freshPool("leaves");
    await pool.place(NARROW, ask("a"));
    const waiting = pool.place(NARROW, ask("b"));
    await pool.ended("b", UNTOLD);
    expect(await waiting).toEqual({ kind: "left" });
    expect(await pool.report(NARROW)).toMatchObject({ calls: 1, line: { length: 0 } });
  });

  it("gets the slot back of a call whose Worker died", async () => {
    const pool = freshPool("dead");
    await pool.place(NARROW, ask("a", 1, 10, { expiresInMs: 5_000 }));
    const waiting = pool.place(NARROW, ask("b"));
    await pool.report(NARROW);
    clock.advance(5_000);
    await pool.report(NARROW);
    expect(await waiting).toMatchObject({ kind: "placed", waitedMs: 5_000 });
    expect(await pool.ended("a", FINE)).toEqual({ isKnown: false });
  });

  it("decides one call after the other: of forty at once it takes as many as it has slots", async () => {
    const pool = freshPool("forty");
    const five = settings({ concurrencyMax: 5, waitMsMax: 0 });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => pool.place(five, ask(`c${i}`, i * 100))),
    );
    const kinds = answers.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "placed")).toHaveLength(5);
    expect(kinds.filter((kind) => kind === "full")).toHaveLength(35);
  });

  it("prefers, in the order of least to compute, what is cached, and lets nobody wait for ever", async () => {
    const pool = freshPool("order");
    const shortest = settings({ concurrencyMax: 1, order: "shortest-uncached" });
    await pool.place(shortest, ask("warm", 1, 20));
    await pool.firstToken("warm");
    const answers: string[] = [];
    const wait = async (answer: Promise<PlaceAnswer>, name: string) => {
      await answer;
      answers.push(name);
    };
    const cold = wait(pool.place(shortest, ask("cold", 500, 20)), "cold");
    const again = wait(pool.place(shortest, ask("again", 1, 20)), "again");
    expect(await pool.report(shortest)).toMatchObject({ line: { length: 2 } });
    await pool.ended("warm", FINE);
    await again;
    await pool.ended("again", FINE);
    await cold;
    expect(answers).toEqual(["again", "cold"]);
  });

  it("keeps a replica's own cap while others have room", async () => {
    const pool = freshPool("replica-cap");
    const capped = settings({ replicas: [replica("one", 1), replica("two", 2)], waitMsMax: 0 });
    const at = async (callId: string) => (await pool.place(capped, ask(callId, 1))).kind;
    expect([await at("a"), await at("b"), await at("c"), await at("d")]).toEqual([
      "placed",
      "placed",
      "placed",
      "full",
    ]);
    const { replicas } = await pool.report(capped);
    expect(replicas.map(({ calls }) => calls)).toEqual([1, 2]);
  });
});

describe("a replica that fails", () => {
  async function break_(pool: Stub, home: string) {
    for (let i = 0; i < 3; i++) {
      await pool.place(POOL, ask(`fault-${home}-${i}`, 1, 10, { pin: home }));
      await pool.ended(`fault-${home}-${i}`, FAULT);
    }
  }

  it("rests after three faults, is tried once, and is up again when that goes well", async () => {
    const pool = freshPool("faults");
    const home = replicaOf(await run(pool, "a", 1));
    await break_(pool, home);
    expect(replicaOf(await pool.place(POOL, ask("b", 1)))).not.toBe(home);
    clock.advance(10_000);
    expect(replicaOf(await pool.place(POOL, ask("trial", 1, 10, { pin: home })))).toBe(home);
    expect(replicaOf(await pool.place(POOL, ask("c", 1, 10, { pin: home })))).not.toBe(home);
    await pool.ended("trial", { inputTokens: 640, cachedTokens: 640, isFault: false });
    expect(await pool.place(POOL, ask("d", 1, 10, { pin: home }))).toMatchObject({
      replica: home,
      matchedBlocks: 10,
    });
  });

  it("is believed to have nothing when its first answer after faults has nothing of what it had", async () => {
    const pool = freshPool("restarted");
    const home = replicaOf(await run(pool, "a", 1));
    await break_(pool, home);
    clock.advance(10_000);
    await pool.place(POOL, ask("trial", 1, 10, { pin: home }));
    await pool.ended("trial", { inputTokens: 640, cachedTokens: 0, isFault: false });
    expect(await pool.place(POOL, ask("b", 1, 10, { pin: home }))).toMatchObject({
      replica: home,
      matchedBlocks: 0,
    });
  });

  it("leaves nobody stuck when it was the last one: who waits and who comes hears that none is up", async () => {
    const pool = freshPool("all-down");
    const one = settings({ concurrencyMax: 3 }, 1);
    for (const callId of ["a", "b", "c"]) await pool.place(one, ask(callId));
    const waiting = pool.place(one, ask("d"));
    expect(await pool.report(one)).toMatchObject({ line: { length: 1 } });
    // The slot of the first goes to the one that waits.
    await pool.ended("a", FAULT);
    expect(await waiting).toMatchObject({ kind: "placed" });
    const last = pool.place(one, ask("e"));
    expect(await pool.report(one)).toMatchObject({ line: { length: 1 } });
    await pool.ended("b", FAULT);
    expect(await last).toMatchObject({ kind: "placed" });
    await pool.ended("c", FAULT);
    expect(await pool.place(one, ask("f"))).toEqual({ kind: "none-up", retryAfterMs: 10_000 });
  });

  it("does not rest for clients that leave", async () => {
    const pool = freshPool("leavers");
    const one = settings({}, 1);
    for (let i = 0; i < 10; i++) {
      await pool.place(one, ask(`c${i}`));
      await pool.ended(`c${i}`, UNTOLD);
    }
    expect(await pool.place(one, ask("after"))).toMatchObject({ kind: "placed" });
  });
});

describe("a clock that goes back", () => {
  it("lets time pass on all the same: who waits is refused in time, and slots expire", async () => {
    const pool = freshPool("back");
    await pool.place(NARROW, ask("a", 1, 10, { expiresInMs: 60_000 }));
    clock.advance(-3_600_000);
    const waiting = pool.place(NARROW, ask("b"));
    expect(await pool.report(NARROW)).toMatchObject({ line: { length: 1 } });
    clock.advance(10_000);
    await pool.report(NARROW);
    expect(await waiting).toMatchObject({ kind: "full" });
    clock.advance(50_000);
    expect(await pool.place(NARROW, ask("c"))).toMatchObject({ kind: "placed" });
  });
});

describe("a flood of distinct prompts", () => {
  it("leaves another tenant's prefix where it is known, and does push out its own", async () => {
    const pool = freshPool("flood");
    const one = settings({}, 1);
    const place = async (callId: string, first: number, tenant: string) => {
      const answer = await pool.place(one, ask(callId, first, 100, { tenant }));
      await pool.firstToken(callId);
      await pool.ended(callId, FINE);
      clock.advance(1_000);
      return answer;
    };
    await place("victim", 1, "victim");
    for (let i = 1; i <= 30; i++) await place(`flood-${i}`, i * 1_000, "flooder");
    expect(await place("victim-again", 1, "victim")).toMatchObject({ matchedBlocks: 100 });
    expect(await place("flood-again", 1_000, "flooder")).toMatchObject({ matchedBlocks: 0 });
    const { tenants, memory } = await pool.report(one);
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["flooder", "victim"]);
    expect(memory.entries).toBe(1_000);
  });
});

describe("a turn that throws", () => {
  it("ends the object, tells those who wait, and leaves one behind that places", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const pool = freshPool("throws");
    await pool.place(NARROW, ask("before"));
    const waiting = pool.place(NARROW, ask("waiting")).then(String, String);
    await pool.report(NARROW);
    vi.spyOn(Dispatch.prototype, "ask").mockImplementationOnce(() => {
      throw new Error("A bug.");
    });
    expect(await pool.place(POOL, ask("a")).then(String, String)).toMatch(/A bug/);
    expect(await waiting).toMatch(/A bug/);
    expect(logged).toHaveBeenCalledWith(expect.stringContaining("prefix-index-turn-failed"));
    const again = freshPool("throws");
    expect(await again.place(POOL, ask("a"))).toMatchObject({ kind: "placed" });
    // The slot that was stored is still held.
    expect(await again.report(POOL)).toMatchObject({ calls: 2 });
  });
});

describe("what is too large or no number", () => {
  it("is refused before it costs anything, and ends nothing", async () => {
    const pool = freshPool("huge");
    await pool.place(NARROW, ask("a"));
    // In the object itself: a refusal that crosses to a test is told twice.
    const problems = await runInDurableObject(pool, (index: PrefixIndex) =>
      [
        () => index.place(POOL, ask("b", 1, 20_000)),
        () => index.place(POOL, ask("x".repeat(1_000))),
        () => index.place(POOL, { ...ask("b"), blocks: new Float64Array([0.5]) }),
        () => index.place(POOL, ask("b", 1, 1, { inputTokens: Number.NaN })),
        () => index.place(POOL, ask("b", 1, 1, { expiresInMs: Infinity })),
        () => index.place(settings({}, 65), ask("b")),
        () => index.place({ ...POOL, waitMsMax: -1 }, ask("b")),
        () => index.alias(new Float64Array(20_000), new Float64Array(1)),
        () => index.ended("a", { ...FINE, cachedTokens: -1 }),
      ].map((call) => {
        try {
          return call() === undefined ? null : "taken";
        } catch (error) {
          return error instanceof RangeError ? error.message.split(":")[0] : String(error);
        }
      }),
    );
    expect(problems).toEqual([
      "blocks",
      "callId",
      "blocks",
      "inputTokens",
      "expiresInMs",
      "settings.replicas",
      "settings.waitMsMax",
      "unitKeys",
      "cachedTokens",
    ]);
    expect(await pool.report(NARROW)).toMatchObject({ calls: 1 });
  });
});
