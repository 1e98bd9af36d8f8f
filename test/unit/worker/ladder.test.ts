// Which rungs remain after one failed: stand-ins first, the same again only where that can help, and nothing else.
import { describe, expect, it } from "vitest";
import { armName } from "../../../policies/mode.ts";
import { nextLadder } from "../../../worker/ladder.ts";
import { rungOf } from "./a-request.ts";

const first = rungOf("a", "long");
const sameCheaper = rungOf("a", "short", "cheaper");
const otherCheaper = rungOf("b", "short", "cheaper");
const standIn = rungOf("c", "long", "fallback");
const secondStandIn = rungOf("d", "long", "fallback");

describe("after a failure the ladder", () => {
  it.each([
    {
      name: "begins with the stand-ins, in their order",
      ladder: [first, otherCheaper, standIn, secondStandIn],
      failed: first,
      mayRepeat: true,
      next: ["c/long", "d/long", "b/short"],
    },
    {
      name: "leaves out every rung of the model that failed",
      ladder: [first, sameCheaper, standIn],
      failed: first,
      mayRepeat: true,
      next: ["c/long"],
    },
    {
      name: "repeats the same where no stand-in is named",
      ladder: [first, sameCheaper],
      failed: first,
      mayRepeat: true,
      next: ["a/long", "a/short"],
    },
    {
      name: "never goes to a cheaper model round a failure",
      ladder: [first, otherCheaper],
      failed: first,
      mayRepeat: true,
      next: ["a/long"],
    },
    {
      name: "is none where repeating cannot help",
      ladder: [first, otherCheaper],
      failed: first,
      mayRepeat: false,
      next: null,
    },
    {
      name: "goes to a stand-in also where repeating cannot help",
      ladder: [first, standIn],
      failed: first,
      mayRepeat: false,
      next: ["c/long"],
    },
    {
      name: "goes to the next stand-in after one failed",
      ladder: [standIn, secondStandIn, otherCheaper],
      failed: standIn,
      mayRepeat: true,
      next: ["d/long", "b/short"],
    },
    {
      name: "repeats the last stand-in rather than a cheaper model",
      ladder: [secondStandIn, otherCheaper],
      failed: secondStandIn,
      mayRepeat: true,
      next: ["d/long"],
    },
    {
      name: "of one rung repeats it",
      ladder: [first],
      failed: first,
      mayRepeat: true,
      next: ["a/long"],
    },
    {
      name: "of one rung is none where repeating cannot help",
      ladder: [first],
      failed: first,
      mayRepeat: false,
      next: null,
    },
  ])("$name", ({ ladder, failed, mayRepeat, next }) => {
    expect(nextLadder(ladder, failed, mayRepeat)?.map(({ arm }) => armName(arm)) ?? null).toEqual(
      next,
    );
  });

  it("never grows", () => {
    const ladder = [first, sameCheaper, otherCheaper, standIn, secondStandIn];
    for (const failed of ladder) {
      expect(nextLadder(ladder, failed, true)?.length).toBeLessThanOrEqual(ladder.length);
    }
  });
});
