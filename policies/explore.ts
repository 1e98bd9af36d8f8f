// Now and then another arm than the best, so that what is not chosen can be learned of as well; and with which probability.
import type { Question, Reason } from "./choice.ts";
import { costWeightOf } from "./diffadapt.ts";
import type { Candidate } from "./head/decision.ts";
import { armName } from "./mode.ts";
import { utilityOf, type Weighed } from "./weigh-arms.ts";

interface Explored {
  readonly weighed: Weighed;
  readonly reason: Reason;
  /** Of this arm, over all chances. */
  readonly propensity: number;
  readonly isExplored: boolean;
  /** All that might have run, each with its propensity: first what runs where chance is not taken. */
  readonly candidates: readonly Candidate[];
}

/** What runs where chance has no say. */
export function unexplored(weighed: Weighed, reason: Reason): Explored {
  return { weighed, reason, propensity: 1, isExplored: false, candidates: [] };
}

/**
 * With the policy's `exploreShare`, one of the arms in `open` (those that nothing is held against) that lack at most
 * `exploreRegretMax` of the best utility, each as likely as another. So a request is expected to lose at most the share
 * times that regret.
 *
 * Which arms may be tried is decided at the policy's own lambda. Under a budget's price the same one is tried if it costs
 * no more than what the price would choose, which is then within the regret too: so for any one chance the cost of what
 * runs never rises with the price, and thrift stays monotone.
 */
export function explore(
  question: Question,
  open: readonly Weighed[],
  first: Weighed,
  reason: Reason,
): Explored {
  const { policy, chance, lambda } = question;
  const asChosen = unexplored(first, reason);
  const { exploreShare } = policy;
  if (chance === null || exploreShare === 0 || !open.includes(first)) return asChosen;
  const others = othersWithin(question, open);
  if (others.length === 0) return asChosen;

  const isPriced = lambda > policy.lambda;
  const tried = others.map((other) =>
    isPriced && other.estimate.costNanos > first.estimate.costNanos ? first : other,
  );
  const slot = Math.floor((chance / exploreShare) * tried.length);
  const weighed = tried[slot] ?? first;
  const propensityOf = (arm: Weighed): number =>
    tried.filter((one) => one === arm).length * (exploreShare / tried.length) +
    (arm === first ? 1 - exploreShare : 0);
  const propensity = propensityOf(weighed);
  const candidates = [...new Set([first, ...tried])].map((one) => ({
    arm: armName(one.arm),
    utility: one.estimate.utility,
    propensity: propensityOf(one),
  }));
  if (weighed === first) return { ...asChosen, propensity, candidates };
  const lacks = first.estimate.utility - weighed.estimate.utility;
  const sentence = `${armName(weighed.arm)} is tried with a probability of ${propensity.toFixed(4)}, to learn of it: the policy explores ${exploreShare} of such choices, and it lacks ${lacks.toFixed(3)} of the utility of ${armName(first.arm)}.`;
  return {
    weighed,
    reason: { word: "explored", sentence },
    propensity,
    isExplored: true,
    candidates,
  };
}

/** All but the best that come near it, at the policy's own lambda. */
function othersWithin(question: Question, open: readonly Weighed[]): Weighed[] {
  const { lambda, exploreRegretMax } = question.policy;
  const weight = costWeightOf(question);
  const utilities = open.map(({ estimate }) =>
    utilityOf(estimate.score, estimate.costNanos, lambda * weight),
  );
  const best = Math.max(...utilities);
  // Of equals the cheaper is the best, as in every choice.
  const bestCost = Math.min(
    ...open.filter((_, index) => utilities[index] === best).map((one) => one.estimate.costNanos),
  );
  const isBest = (index: number): boolean =>
    utilities[index] === best && open[index]?.estimate.costNanos === bestCost;
  const bestIndex = open.findIndex((_, index) => isBest(index));
  return open.filter(
    (_, index) => index !== bestIndex && best - (utilities[index] ?? -Infinity) <= exploreRegretMax,
  );
}
