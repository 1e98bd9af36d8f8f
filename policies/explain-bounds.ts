// What a floor or a ceiling changed of a choice, said as its reason.
import type { Reason, ReasonWord } from "./choice.ts";
import { armName } from "./mode.ts";
import type { Passed, Weighed } from "./weigh-arms.ts";

/** Who asks for an arm by one of these goes past the bounds on purpose, and the reason stays that it was asked for. */
const GOES_PAST: ReadonlySet<ReasonWord> = new Set([
  "asked-mode",
  "asked-effort",
  "tool-result",
] as const);

/**
 * The reason for what runs, where some arm passes a bound. `suspects` are the arms, most likely first, whose bound may
 * have brought the change about: the first is what would run without any bound.
 */
export function explainBounds(
  { weighed: runs, reason }: { readonly weighed: Weighed; readonly reason: Reason },
  suspects: readonly Weighed[],
): Reason {
  if (reason.word === "floor" || reason.word === "ceiling") return reason;
  const isChanged = suspects[0] !== undefined && armName(suspects[0].arm) !== armName(runs.arm);
  const kept = isChanged ? suspects.find(({ passed }) => passed !== null) : runs;
  if (kept === undefined || kept.passed === null) return reason;
  if (!isChanged && GOES_PAST.has(reason.word)) {
    const sentence = `${reason.sentence} ${armName(kept.arm)} ${kept.passed.clause}.`;
    return { word: reason.word, sentence };
  }
  const bound = explainBound(kept, kept.passed, runs);
  // Of a choice by utility alone nothing else is worth saying; the rest say who decided before the bound did.
  return reason.word === "utility"
    ? bound
    : { word: bound.word, sentence: `${reason.sentence} ${bound.sentence}` };
}

/** What a floor or a ceiling kept from running, and what runs in its place. */
export function explainBound(kept: Weighed, { word, clause }: Passed, runs: Weighed): Reason {
  const still =
    runs.passed === null ? "" : ", and no other arm that can answer keeps the policy's bounds";
  return { word, sentence: `${armName(kept.arm)} ${clause}${still}; ${armName(runs.arm)} runs.` };
}
