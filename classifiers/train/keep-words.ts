// Which keys get a row: those that most questions hold, with no source counting for more than its share.
import type { Example } from "./examples.ts";

/** Below this many questions, weighed, a word is a name or a slip, and a row for it would be noise. */
const QUESTIONS_MIN = 2.5;

export function keepWords(examples: readonly Example[], wordsMax: number): Int32Array {
  const counts = new Map<number, number>();
  for (const { view, weight, share } of examples) {
    const counted = Math.min(1, weight) * share;
    for (const key of view.grams) counts.set(key, (counts.get(key) ?? 0) + counted);
  }
  const kept = [...counts].filter(([, count]) => count >= QUESTIONS_MIN);
  // Equal counts in the order of their keys, so that two runs keep the same.
  kept.sort(([one, first], [two, second]) => second - first || one - two);
  return Int32Array.from(kept.slice(0, wordsMax), ([key]) => key);
}
