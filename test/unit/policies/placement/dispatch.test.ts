// What a pool answers at the edges: calls that ended before they were asked for, that avoid everything, that wait while
// their catalog changes, and those of a tenant that wants all there is.
import { describe, expect, it } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { EARLY_MAX, EARLY_MS, EarlyEnds } from "../../../../policies/placement/early-ends.ts";
import { ask, FAULT, FINE, settings, UNTOLD } from "./pool-samples.ts";

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
