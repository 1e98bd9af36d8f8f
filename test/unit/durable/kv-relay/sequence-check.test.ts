// The next batch, one that was had, a gap, and an engine that counts anew.
import { expect, it } from "vitest";
import { SequenceCheck } from "../../../../durable/cli/kv-relay/sequence-check.ts";

function heard(...sequences: readonly number[]): SequenceCheck {
  const check = new SequenceCheck();
  for (const sequence of sequences) check.take(sequence, 100 + sequence);
  return check;
}

it("takes batches one after another, from 0", () => {
  expect(heard().standingOf(0, 1)).toBe("next");
  expect(heard(0, 1, 2).standingOf(3, 1)).toBe("next");
  expect(heard(0, 1, 2).lost).toBe(0);
});

it("sees a gap, also before the first batch", () => {
  expect(heard().standingOf(5, 1)).toBe("gap");
  expect(heard(0, 1).standingOf(3, 1)).toBe("gap");
});

it("knows a batch that comes twice from another engine's of the same number", () => {
  expect(heard(0, 1, 2).standingOf(1, 101)).toBe("duplicate");
  expect(heard(0, 1, 2).standingOf(1, 999)).toBe("restart");
  expect(heard(0, 1, 2).isTaken(2, 102)).toBe(true);
  expect(heard(0, 1, 2).isTaken(2, 999)).toBe(false);
});

it("counts what never came, and takes it for late and not for a restart", () => {
  const check = heard(0, 1, 5);
  expect(check.lost).toBe(3);
  expect(check.standingOf(3, 1)).toBe("late");
});

it("takes a low number for a restart where it heard nothing so low, and after more than a late one may be late", () => {
  expect(heard(50).standingOf(0, 1)).toBe("restart");
  expect(heard(50).standingOf(49, 1)).toBe("restart");
  expect(heard(0, 100, 200).standingOf(3, 1)).toBe("restart");
  expect(heard(0, 100, 200).standingOf(199, 1)).toBe("late");
});

it("begins anew after a restart, and remembers a bounded number", () => {
  const check = heard(0, 1, 2);
  check.restart();
  expect(check.expected).toBe(null);
  expect(check.standingOf(0, 1)).toBe("next");
  const long = heard(...Array.from({ length: 10_500 }, (_, at) => at));
  expect(long.isTaken(499, 599)).toBe(false);
  expect(long.isTaken(500, 600)).toBe(true);
});
