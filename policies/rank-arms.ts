// Which arm stands before which: the models that a mode may run on, in the policy's order, and what gives way first
// where something is held against every arm.
import { findModel, type Model } from "./catalog.ts";
import type { Question } from "./choice.ts";
import { armName, MODES, type Mode } from "./mode.ts";
import { allowsArm } from "./policy.ts";
import { weighArm, type RuledOut, type Weighed } from "./weigh-arms.ts";

/**
 * For each mode that can run, its models in the order in which they stand in, up to the first that nothing is held
 * against. None of it depends on lambda, so that the arms to choose from are the same at any.
 */
export function weighModes(question: Question): Weighed[][] {
  const modes: Weighed[][] = [];
  for (const mode of MODES) {
    const weighed: Weighed[] = [];
    for (const model of modelsFor(question, mode)) {
      const arm = weighArm(question, model, mode);
      weighed.push(arm);
      // A format is held against the mode, whichever model runs it: the next one would do no better.
      if (lackOf(arm) === 0 && arm.passed === null) break;
    }
    if (weighed.length > 0) modes.push(weighed);
  }
  return modes;
}

/** The arm of each mode, best first. */
export function armsOf(modes: readonly (readonly Weighed[])[]): Weighed[] {
  return modes.map(bestOf).toSorted(byUtility);
}

/** What says which arms there are, whatever is asked. */
export type Offer = Pick<Question, "policy" | "catalog" | "modelsAllowed">;

/** The modes that some model may run: what a caller can ask for by name. */
export function modesOf(offer: Offer): Mode[] {
  return MODES.filter((mode) => modelsFor(offer, mode).length > 0);
}

/** The models that may run a mode, in the order in which they stand in; none when the policy does not bind it. */
export function modelsFor({ policy, catalog, modelsAllowed }: Offer, mode: Mode): Model[] {
  const bound = policy.modes[mode];
  if (bound === undefined) return [];
  const models: Model[] = [];
  for (const id of new Set([bound, ...policy.fallback])) {
    const model = findModel(catalog, id);
    if (model === undefined || (modelsAllowed !== null && !modelsAllowed.includes(id))) continue;
    if (allowsArm(policy, { model: id, mode })) models.push(model);
  }
  return models;
}

/** Best first; of equals the cheaper, which keeps the cost of the best from rising with lambda. */
export function byUtility(left: Weighed, right: Weighed): number {
  return (
    right.estimate.utility - left.estimate.utility ||
    left.estimate.costNanos - right.estimate.costNanos
  );
}

/** What a prior, the catalog or the objective holds against the arm; null when nothing does. */
export function objectionTo({ arm, ruledOut, passed }: Weighed): string | null {
  return ruledOut?.sentence ?? (passed === null ? null : `${armName(arm)} ${passed.clause}`);
}

/**
 * A poor format still answers, an undeclared capability may be there, and a prompt that is too long is refused: an
 * engine's 400, which nothing retries.
 */
const GRAVITY: Readonly<Record<RuledOut["by"], number>> = { format: 1, capability: 2, context: 3 };

function gravityOf({ ruledOut }: Weighed): number {
  return ruledOut === null ? 0 : GRAVITY[ruledOut.by];
}

/** How much the model lacks for the request, whatever the mode is worth; 0 for nothing. */
export function lackOf(weighed: Weighed): number {
  return weighed.ruledOut?.by === "format" ? 0 : gravityOf(weighed);
}

/** Less keeps the left arm from answering. Where neither reads the prompt, whose length is a guess, the wider may. */
export function isFitter(left: Weighed, right: Weighed): boolean {
  const more = gravityOf(right) - gravityOf(left);
  const isShort = gravityOf(left) === GRAVITY.context;
  return more > 0 || (more === 0 && isShort && isWider(left.model, right.model));
}

function isWider(left: Model, right: Model): boolean {
  return left.contextTokens > right.contextTokens;
}

/**
 * The first that nothing is held against, of arms in the order in which they are wanted. Somebody must answer, so what is
 * held gives way one by one: the floor to the best score, a ceiling on latency to the fastest, one on money or tokens to
 * the least cost, a format to the wanted order, then an undeclared capability, and a context that is too small at the very
 * last.
 */
export function bestOf(arms: readonly Weighed[]): Weighed {
  const pool = arms.filter((arm) => !arms.some((other) => isFitter(other, arm)));
  const affordable = pool.filter(({ passed }) => passed?.word !== "ceiling");
  if (affordable.length === 0) return leastOf(pool);
  return (
    affordable.find(({ passed }) => passed === null) ??
    affordable.toSorted(
      (left, right) =>
        right.estimate.score - left.estimate.score ||
        left.estimate.costNanos - right.estimate.costNanos,
    )[0]!
  );
}

/** Of arms that all pass a ceiling: the fastest of those that only take too long, else the cheapest. */
function leastOf(arms: readonly Weighed[]): Weighed {
  const slow = arms.filter(({ passed }) => passed?.by === "latency");
  const byCost = (left: Weighed, right: Weighed): number =>
    left.estimate.costNanos - right.estimate.costNanos;
  const latencyOf = ({ estimate }: Weighed): number => estimate.latencyMs ?? Infinity;
  return (
    slow.toSorted((left, right) => latencyOf(left) - latencyOf(right) || byCost(left, right))[0] ??
    arms.toSorted(byCost)[0]!
  );
}
