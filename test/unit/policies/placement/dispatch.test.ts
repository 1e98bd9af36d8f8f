// What a pool answers at the edges: calls that ended before they were asked for, that avoid everything, that wait while
// their catalog changes, and those of a tenant that wants all there is.
import { describe, expect, it } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { ask, FAULT, settings } from "./pool-samples.ts";

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
