// What isolates found of one tenant's prompts, brought together: each sees a part of the traffic, and none sees another's.
import type { Finding } from "./lint.ts";

export interface ModelFinding extends Finding {
  /** Prompts of two models share nothing. */
  readonly model: string;
}

/** How long after it was told: a layout that was mended is not told of for longer. */
export const FINDINGS_KEPT_MS = 24 * 60 * 60 * 1000;
/** Places that are no farther apart are one: a time parts at its seconds here and at its minutes there. */
const PLACE_UNITS = 64;

/** Of most prompts first. Each finding is of other prompts than the rest. */
export function joinFindings(found: readonly ModelFinding[]): ModelFinding[] {
  const joined: ModelFinding[] = [];
  for (const one of found.toSorted((a, b) => a.partsAtUnits - b.partsAtUnits)) {
    const at = joined.findIndex((other) => isSame(other, one));
    const other = joined[at];
    if (other === undefined) joined.push(one);
    else joined[at] = join(other, one);
  }
  return joined.toSorted((a, b) => b.prompts - a.prompts);
}

function isSame(one: ModelFinding, other: ModelFinding): boolean {
  return (
    one.model === other.model &&
    one.partKind === other.partKind &&
    Math.abs(one.partsAtUnits - other.partsAtUnits) <= PLACE_UNITS
  );
}

function join(one: ModelFinding, other: ModelFinding): ModelFinding {
  const prompts = one.prompts + other.prompts;
  const shares = one.sharedShare * one.prompts + other.sharedShare * other.prompts;
  const partsAtUnits = Math.min(one.partsAtUnits, other.partsAtUnits);
  return { ...one, prompts, sharedShare: shares / prompts, partsAtUnits };
}
