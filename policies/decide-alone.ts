// What is chosen where nobody asked for anything and no conversation holds an arm: by doubt, by utility, and by what a hard
// question is worth to the policy.
import type { Question, Reason } from "./choice.ts";
import { classOf, costWeightOf, difficultyFrom } from "./diffadapt.ts";
import { armName } from "./mode.ts";
import { bestOf, byUtility, objectionTo } from "./rank-arms.ts";
import { utilityOf, type Weighed } from "./weigh-arms.ts";

/** What was decided before a ladder is built under it. */
export interface First {
  readonly weighed: Weighed;
  readonly reason: Reason;
  /** The caller said which mode, so that no rung may have another. */
  readonly keepsMode: boolean;
  /** Utility alone decided, so that chance may try another arm in its place. */
  readonly mayExplore: boolean;
}

/** `arms` come best first. */
export function decideAlone(question: Question, arms: readonly Weighed[]): First {
  const { features, policy } = question;
  if (features.confidence < policy.confidenceMin) return decideInDoubt(question, arms);
  const weighed = bestOf(arms);
  const reason = explainHard(question, arms, weighed) ?? explainUtility(question, weighed);
  return { weighed, reason, keepsMode: false, mayExplore: true };
}

function decideInDoubt({ features, policy }: Question, arms: readonly Weighed[]): First {
  const runs = { keepsMode: false, mayExplore: false };
  const direct = isTrivialTalk(features)
    ? arms.find((one) => one.arm.mode === "direct" && objectionTo(one) === null)
    : undefined;
  if (direct !== undefined) {
    const sentence = "A few words of talk need no thinking.";
    return { weighed: direct, reason: { word: "utility", sentence }, ...runs };
  }
  const safe = arms.find((one) => one.arm.mode === policy.safeMode && objectionTo(one) === null);
  const instead =
    safe === undefined
      ? "the best arm runs, since the safe mode is not to be had"
      : "the policy's safe mode runs";
  const sentence = `The probe is unsure (${features.confidence.toFixed(2)} under ${policy.confidenceMin}), so ${instead}.`;
  return { weighed: safe ?? bestOf(arms), reason: { word: "low-confidence", sentence }, ...runs };
}

/** The reason where another arm would run if the question did not read as hard; null where none would. */
function explainHard(
  question: Question,
  arms: readonly Weighed[],
  { arm }: Weighed,
): Reason | null {
  if (costWeightOf(question) === 1) return null;
  const asAny = arms.map((one): Weighed => {
    const { score, costNanos } = one.estimate;
    const utility = utilityOf(score, costNanos, question.lambda);
    return { ...one, estimate: { ...one.estimate, utility } };
  });
  const otherwise = bestOf(asAny.toSorted(byUtility)).arm;
  if (armName(otherwise) === armName(arm)) return null;
  const from = difficultyFrom(question).reason;
  const does =
    question.policy.hardQuery === "escalate"
      ? "escalates: its cost counts half"
      : "fails fast: its cost counts double";
  const sentence = `This question is hard (by ${from}), and the policy ${does}, so ${armName(arm)} runs and not ${armName(otherwise)}.`;
  return { word: "hard", sentence };
}

function explainUtility(question: Question, { arm, estimate }: Weighed): Reason {
  const { score, from } = estimate;
  const source =
    from.kind === "prior"
      ? "by the priors"
      : `by ${from.evidence.toFixed(0)} lessons, give or take ${from.halfWidth.toFixed(2)}`;
  const weight = costWeightOf(question);
  const though =
    classOf(question) === "hard" && weight !== 1
      ? `, times ${weight} since it is hard and the policy says ${question.policy.hardQuery}`
      : "";
  const sentence = `${armName(arm)} has the best expected score (${score.toFixed(2)}, ${source}) for its cost at lambda ${question.lambda}${though}.`;
  return { word: "utility", sentence };
}

/** Talk of this length in UTF-16 units is no task, even when the probe is unsure. */
const TRIVIAL_CHARS_MAX = 120;
/** Below this the probe knows nothing at all (another language), and nothing is obviously trivial. */
const TRIVIAL_CONFIDENCE_MIN = 0.2;

function isTrivialTalk({ kind, shape, confidence }: Question["features"]): boolean {
  return (
    kind === "chat" &&
    confidence >= TRIVIAL_CONFIDENCE_MIN &&
    shape.chars <= TRIVIAL_CHARS_MAX &&
    shape.numbers === 0 &&
    shape.choices === 0 &&
    !shape.latex &&
    !shape.codeBlock
  );
}
