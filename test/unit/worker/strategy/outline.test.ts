// The outline's planner call comes first, small and whole; without a plan the question is answered all the same.
import { expect, it } from "vitest";
import { outline } from "../../../../worker/strategy/outline.ts";
import type { CallOrder } from "../../../../worker/strategy/strategy.ts";
import { askFor, rungOf } from "../a-request.ts";

it("answers without an outline when its planner fails, and then passes on what that call says", async () => {
  const orders: CallOrder[] = [];
  const failed = { kind: "failed", failure: { kind: "budget-unavailable" } } as const;
  const driven = await outline.drive?.(
    askFor({ stream: true }),
    [rungOf("small", "long")],
    (order) => {
      orders.push(order);
      return Promise.resolve(failed);
    },
  );
  expect(driven).toEqual(failed);
  expect(orders).toEqual([
    {
      purpose: "outline",
      isStream: false,
      outputTokens: 200,
      notes: [expect.stringContaining("list the steps")],
    },
    { purpose: "answer", isStream: true, notes: [] },
  ]);
});
