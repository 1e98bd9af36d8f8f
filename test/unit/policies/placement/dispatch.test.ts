// What a pool answers at the edges: calls that ended before they were asked for, that avoid everything, that wait while
// their catalog changes, and those of a tenant that wants all there is.
import { describe, expect, it, vi } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { EARLY_MAX, EARLY_MS, EarlyEnds } from "../../../../policies/placement/early-ends.ts";
import type { PlaceAnswer } from "../../../../policies/placement/pool.ts";
import { Room } from "../../../../policies/placement/room.ts";
import { ask, FAULT, FINE, replica, settings, UNTOLD } from "./pool-samples.ts";

const POOL = settings();

describe("what a call avoids", () => {
  it("is passed over where the pool has nothing else that is up", () => {
    const dispatch = new Dispatch();
    const one = settings({}, 1);
    expect(dispatch.ask(one, ask("again", 1, 10, { avoid: ["r0"] }), 0)).toMatchObject({
      kind: "placed",
      replica: "r0",
    });
    const two = settings({ breaker: { failures: 1, windowMs: 30_000, cooldownMs: 10_000 } }, 2);
    dispatch.ask(two, ask("fails", 1, 10, { pin: "r1" }), 1);
    dispatch.end("fails", FAULT, 2);
    expect(dispatch.ask(two, ask("b", 1, 10, { avoid: ["r0"] }), 3)).toMatchObject({
      replica: "r0",
    });
  });

  it("is avoided as long as another is up, though that has no room, and more than a pin asks for it", () => {
    const dispatch = new Dispatch();
    const two = settings({ concurrencyMax: null }, 2);
    const full = { ...two, replicas: two.replicas.map((one) => ({ ...one, concurrencyMax: 1 })) };
    expect(dispatch.ask(full, ask("a", 1, 10, { avoid: ["r0"] }), 0)).toMatchObject({
      replica: "r1",
    });
    expect(dispatch.ask(full, ask("b", 1, 10, { avoid: ["r0"] }), 0)).toBeNull();
    expect(dispatch.ask(two, ask("c", 1, 10, { avoid: ["r0"], pin: "r0" }), 0)).toMatchObject({
      replica: "r1",
    });
  });
});

describe("a call that ended before it was asked for", () => {
  const narrow = settings({ concurrencyMax: 1, waitMsMax: 0 });

  it("has left when its question comes, and holds no slot", () => {
    const dispatch = new Dispatch();
    expect(dispatch.end("c", UNTOLD, 0)).toBe(false);
    expect(dispatch.ask(narrow, ask("c"), 1)).toEqual({ kind: "left" });
    expect(dispatch.ask(narrow, ask("d"), 2)).toMatchObject({ kind: "placed" });
  });

  it("is remembered for minutes, among thousands", () => {
    const early = new EarlyEnds();
    for (let i = 0; i <= EARLY_MAX; i++) early.add(`c${i}`, 0);
    expect(early.take("c0", 1)).toBe(false);
    expect(early.take("c1", EARLY_MS)).toBe(true);
    expect(early.take("c1", EARLY_MS)).toBe(false);
    expect(early.take("c2", EARLY_MS + 1)).toBe(false);
  });
});

describe("a call from before the index slept", () => {
  const narrow = settings({ concurrencyMax: 1, waitMsMax: 0 }, 1);
  const old = (replica: string) => ({ callId: "old", replica, expiresAtMs: 600_000 });

  it("has its slot from the moment on when its replica is named, and gives it back when it ends", () => {
    const dispatch = new Dispatch();
    dispatch.adopt(narrow, 0);
    dispatch.readmit([old("r0")]);
    expect(dispatch.ask(narrow, ask("a"), 1)).toMatchObject({ kind: "full" });
    expect(dispatch.end("old", FINE, 2)).toBe(true);
    expect(dispatch.takeChanges().ended).toEqual(["old"]);
    expect(dispatch.ask(narrow, ask("b"), 3)).toMatchObject({ kind: "placed" });
  });

  it("ends too where nobody named its replica, and has its slot there once somebody does", () => {
    const dispatch = new Dispatch();
    dispatch.adopt(narrow, 0);
    dispatch.readmit([old("gone"), { ...old("r1"), callId: "later" }]);
    expect(dispatch.end("old", FINE, 2)).toBe(true);
    expect(dispatch.takeChanges().ended).toEqual(["old"]);
    const two = settings({ concurrencyMax: 1, waitMsMax: 0 }, 2);
    expect(dispatch.ask(two, ask("a"), 3)).toMatchObject({ kind: "full" });
    expect(dispatch.end("later", FINE, 4)).toBe(true);
  });
});

describe("settings that change while calls wait", () => {
  const capped = (concurrencyMax: number | null) => settings({ concurrencyMax, waitMsMax: 45_000 });
  const hasty = { waitMsMax: 0 };

  it("count for those who wait as well: a cap that is raised or gone makes room at once, and in their order", () => {
    for (const wider of [capped(10), capped(null)]) {
      const dispatch = new Dispatch();
      dispatch.ask(capped(1), ask("runs"), 0);
      expect(dispatch.ask(capped(1), ask("waits", 100), 1)).toBeNull();
      expect(dispatch.ask(wider, ask("comes", 200, 10, hasty), 2)).toMatchObject({
        kind: "placed",
      });
      expect([...dispatch.takeChanges().decided.keys()]).toEqual(["waits"]);
    }
  });

  it("that lower the cap let nobody in until enough have ended", () => {
    const dispatch = new Dispatch();
    for (const callId of ["a", "b", "c"]) dispatch.ask(capped(3), ask(callId), 0);
    dispatch.ask(capped(3), ask("waits"), 1);
    expect(dispatch.ask(capped(1), ask("d", 1, 10, hasty), 2)).toMatchObject({ kind: "full" });
    dispatch.end("a", FINE, 3);
    dispatch.end("b", FINE, 3);
    expect(dispatch.takeChanges().decided.has("waits")).toBe(false);
    dispatch.end("c", FINE, 4);
    expect(dispatch.takeChanges().decided.get("waits")).toMatchObject({ kind: "placed" });
  });

  it("leave a slot that nobody who waits could take to one that comes and can", () => {
    const dispatch = new Dispatch();
    const pool = settings({ replicas: [replica("r0", 1), replica("r1", 1)] });
    dispatch.ask(pool, ask("runs", 1, 10, { pin: "r0" }), 0);
    expect(dispatch.ask(pool, ask("waits", 1, 10, { pin: "r0" }), 1)).toBeNull();
    expect(dispatch.ask(pool, ask("comes", 1, 10, hasty), 2)).toMatchObject({ replica: "r1" });
  });

  it("cost a full line no more looks because calls name an empty list to avoid", () => {
    const dispatch = new Dispatch();
    const pool = settings({ replicas: [replica("r0", 1)] });
    dispatch.ask(pool, ask("runs"), 0);
    for (let i = 0; i < 50; i++) dispatch.ask(pool, ask(`w${i}`, 1, 10, { avoid: [] }), 1);
    const looks = vi.spyOn(Room.prototype, "look");
    dispatch.firstToken("runs", 2);
    expect(looks).toHaveBeenCalledTimes(1);
    looks.mockRestore();
  });

  it("of a whole other pool give nobody who waits a replica of another's catalog", () => {
    const dispatch = new Dispatch();
    const pool = (name: string) =>
      settings({
        concurrencyMax: 1,
        waitMsMax: 45_000,
        replicas: Array.from({ length: 64 }, (_, i) => replica(`${name}${i}`)),
      });
    dispatch.ask(pool("a"), ask("runs", 1, 10, { pin: "a0" }), 0);
    dispatch.ask(pool("a"), ask("old", 1, 10, { pin: "a1" }), 1);
    dispatch.ask(pool("b"), ask("newer"), 2);
    // One number is still held by the call that runs, so one of these has none yet.
    dispatch.ask(pool("c"), ask("newest"), 3);
    const answers = new Map<string, PlaceAnswer>();
    for (const callId of ["runs", "old", "newer", "newest"]) {
      dispatch.end(callId, FINE, 4);
      for (const [id, answer] of dispatch.takeChanges().decided) answers.set(id, answer);
    }
    expect(answers.get("old")).toMatchObject({ replica: "a0" });
    expect(answers.get("newer")).toMatchObject({ replica: expect.stringMatching(/^b/) });
    expect(answers.get("newest")).toMatchObject({ replica: expect.stringMatching(/^c/) });
    dispatch.adopt(pool("c"), 5);
    expect(dispatch.adopt(pool("c"), 5).members).toHaveLength(64);
  });

  it("that leave no number for a replica leave it out, and events of it are refused", () => {
    const dispatch = new Dispatch();
    const pool = (name: string) =>
      settings({ replicas: Array.from({ length: 64 }, (_, i) => replica(`${name}${i}`)) });
    for (const name of ["a", "b"])
      for (let i = 0; i < 64; i++)
        dispatch.ask(pool(name), ask(`${name}${i}`, 1, 10, { pin: `${name}${i}` }), 0);
    expect(dispatch.ask(pool("c"), ask("c"), 1)).toMatchObject({ kind: "none-up" });
    const names = { pool: "pool", model: "m", domain: "units256" } as const;
    const batch = { ...names, replica: "c0", epoch: 1, sequence: 0, operations: [] };
    expect(dispatch.ingest(pool("c"), batch, 1)).toBeNull();
    dispatch.end("a7", FINE, 2);
    expect(dispatch.ask(pool("c"), ask("again"), 3)).toMatchObject({ replica: "c0" });
  });
});

describe("a tenant whose prompts take all the room for keys", () => {
  const MOST = 16_384;
  const flood = (dispatch: Dispatch, calls: number) => {
    for (let i = 0; i < calls; i++)
      dispatch.ask(POOL, ask(`f${i}`, 1e9 + i * MOST, MOST, { tenant: "flooder" }), i);
  };

  it("leaves others a way to where their prompts are cached, and is itself placed by load alone", () => {
    const dispatch = new Dispatch();
    const first = dispatch.ask(POOL, ask("warm", 1, 100), 0);
    dispatch.end("warm", FINE, 1);
    flood(dispatch, 200);
    expect(dispatch.calls.pending.total).toBe(64 * MOST);
    expect(dispatch.ask(POOL, ask("again", 1, 100), 300)).toMatchObject({
      kind: "placed",
      matchedBlocks: 100,
    });
    expect(first).toMatchObject({ kind: "placed" });
    const same = ask("same", 1e9, MOST, { tenant: "flooder" });
    expect(dispatch.ask(POOL, same, 301)).toMatchObject({ kind: "placed", matchedBlocks: 0 });
    for (let i = 0; i < 200; i++) dispatch.end(`f${i}`, FINE, 400);
    for (const callId of ["again", "same"]) dispatch.end(callId, FINE, 400);
    expect(dispatch.calls.pending.total).toBe(0);
  });

  it("is told apart by what its keyless calls teach: nothing of what caches hold", () => {
    const dispatch = new Dispatch();
    flood(dispatch, 64);
    const before = [...dispatch.members].map(({ audit }) => audit.reportedTokens);
    for (let i = 0; i < 30; i++) {
      dispatch.ask(POOL, ask(`k${i}`, 1, 100, { tenant: "flooder" }), 100);
      dispatch.end(`k${i}`, { inputTokens: 6_400, cachedTokens: 6_400, isFault: false }, 101);
    }
    expect([...dispatch.members].map(({ audit }) => audit.reportedTokens)).toEqual(before);
    for (const { audit } of dispatch.members) expect(audit.alarms("units256", true)).toEqual([]);
  });
});
