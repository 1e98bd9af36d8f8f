// Which rungs remain after one failed: those of models that have not failed, stand-ins first; with none, the same again.
import type { Rung } from "../policies/choice.ts";

/**
 * The ladder for the next try, or null when there is nothing left that could help.
 * Rungs that only exist to be cheaper are never a way round a failure: an operator who named no fallback gets a
 * retry, not another model's answer.
 */
export function nextLadder(
  ladder: readonly Rung[],
  failed: Rung,
  mayRepeat: boolean,
): readonly Rung[] | null {
  const others = ladder.filter(({ arm }) => arm.model !== failed.arm.model);
  const standIns = others.filter(({ reason }) => reason.word === "fallback");
  if (standIns.length > 0)
    return [...standIns, ...others.filter(({ reason }) => reason.word !== "fallback")];
  if (!mayRepeat) return null;
  return [
    failed,
    ...ladder.filter((rung) => rung !== failed && rung.arm.model === failed.arm.model),
  ];
}
