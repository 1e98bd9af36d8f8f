// A strategy of two calls, one of which fails over: three calls are held and each is settled once.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd } from "../support/journal.ts";
import {
  expectEachEndedOnce,
  policy,
  startFaultGateway,
  throughSdk,
  type FaultGateway,
  type Seen,
} from "./fault-gateway.ts";

let gateway: FaultGateway;

beforeAll(async () => {
  gateway = await startFaultGateway({
    policies: [
      policy("outlined", {
        modes: { long: "deep" },
        fallback: ["mid"],
        strategies: { long: ["outline"] },
        gateMs: 10_000,
        idleMs: 10_000,
        deadlineMs: 20_000,
      }),
    ],
  });
});

afterAll(() => gateway.dispose());

beforeEach(() => gateway.simulator.reset());

test.each([
  { form: "streamed", isStream: true },
  { form: "whole", isStream: false },
])("an outline whose first call fails over settles three calls, $form", async ({ isStream }) => {
  let seen: Seen | undefined;
  const rows = await gateway.journalOf(async () => {
    seen = await gateway.see({
      text: "What is 12 + 30 * 2 - 7? [[sim:sim-large=error-500*1]]",
      policy: "outlined",
      model: "auto:long",
      isStream,
    });
  });
  if (seen === undefined) throw new Error("Nothing was seen.");
  expect(seen.status).toBe(200);
  const outcome = await throughSdk(seen, isStream);
  expect(outcome).toMatchObject({ kind: "answer", finishReason: "stop" });
  expect(outcome.text).toMatch(/\b65\b/);

  expectEachEndedOnce(rows);
  const ends = rows.filter(isEnd);
  expect(ends.map(({ op, arm, ending }) => ({ op, arm, ending }))).toEqual([
    { op: "settle", arm: "deep/long", ending: "upstream-broke" },
    { op: "settle", arm: "mid/long", ending: "complete" },
    { op: "settle", arm: "deep/long", ending: "complete" },
  ]);
  expect(new Set(rows.map(({ requestId }) => requestId)).size).toBe(1);
  expect(rows.reduce((sum, { spent }) => sum + spent.requests, 0)).toBe(1);
  expect(gateway.simulator.requests).toHaveLength(3);
});

test("an outline that nobody can write is gone without, and an answer that nobody can give fails as a status", async () => {
  let seen: Seen | undefined;
  const rows = await gateway.journalOf(async () => {
    seen = await gateway.see({
      text: "What is 12 + 30 * 2 - 7? [[sim:error-500]]",
      policy: "outlined",
      model: "auto:long",
      isStream: true,
    });
  });
  expect(seen?.status).toBe(502);
  expectEachEndedOnce(rows);
  // For the outline and for the answer: the chosen model, its stand-in, and the last of three tries.
  expect(rows.filter(({ op }) => op === "settle")).toHaveLength(6);
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());
