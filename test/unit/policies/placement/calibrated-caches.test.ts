// How many blocks caches are taken to hold as prompts show what a block stands for, whoever sends them.
import { describe, expect, it } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { ask, settings } from "./pool-samples.ts";

/** Of 1,000 blocks of 64 tokens. */
const POOL = settings({}, 1);
const MINUTE_MS = 60_000;

function send(dispatch: Dispatch, callId: string, perBlock: number, atMs: number): void {
  const request = ask(callId, 1e6, 400, { tenant: "other", inputTokens: 1e6 });
  dispatch.ask(POOL, request, atMs);
  const inputTokens = 400.5 * perBlock;
  dispatch.end(callId, { inputTokens, cachedTokens: null, isFault: false }, atMs);
}

const capacityOf = (dispatch: Dispatch) => dispatch.placement.look(0, 0).capacityBlocks;

describe("where one tenant's text is four times as dense as all before", () => {
  it("nothing of another's makes room for it within minutes", () => {
    const dispatch = new Dispatch();
    dispatch.ask(POOL, ask("victim", 1, 500, { tenant: "victim" }), 0);
    dispatch.end("victim", { inputTokens: 32_032, cachedTokens: 0, isFault: false }, 1);
    for (let i = 0; i < 60; i++) send(dispatch, `d${i}`, 255, 1_000 + i);
    expect(dispatch.calls.tokensPerBlock).toBeGreaterThan(200);
    expect(capacityOf(dispatch)).toBe(1_000);
    expect(dispatch.heldBy(dispatch.spaces.of("victim"))).toBe(500);
  });

  it("caches are taken to hold less step by step while it goes on, and more as soon as it is over", () => {
    const dispatch = new Dispatch();
    const capacities: number[] = [];
    for (let minute = 0; minute <= 60; minute++) {
      for (let i = 0; i < 10; i++) send(dispatch, `m${minute}-${i}`, 255, minute * MINUTE_MS);
      if (minute % 10 === 0) capacities.push(capacityOf(dispatch));
    }
    expect(capacities).toEqual([1_000, 800, 640, 512, 410, 328, 263]);
    for (let i = 0; i < 200; i++) send(dispatch, `s${i}`, 64, 61 * MINUTE_MS);
    expect(capacityOf(dispatch)).toBeGreaterThan(800);
  });

  it("an index that slept goes on from where it was", () => {
    const dispatch = new Dispatch();
    for (let i = 0; i < 60; i++) send(dispatch, `d${i}`, 255, i);
    const awake = new Dispatch();
    awake.adopt(POOL, 0);
    awake.calls.recall(dispatch.calls.calibration, dispatch.calls.measuredTokens);
    expect(awake.calls.tokensPerBlock).toBe(dispatch.calls.tokensPerBlock);
    expect(capacityOf(awake)).toBe(1_000);
    awake.calls.recall(dispatch.calls.calibration);
    expect(capacityOf(awake)).toBeLessThan(300);
  });
});
