// The choice: from a question to an ordered ladder of arms, each with its estimate and its reason. Pure.
import { findModel } from "./catalog.ts";
import type { Choice, ChoiceFailure, Chosen, Question, Reason } from "./choice.ts";
import { decideAlone, type First } from "./decide-alone.ts";
import { classOf, difficultyFrom } from "./diffadapt.ts";
import { explainBound, explainBounds } from "./explain-bounds.ts";
import { explore, unexplored } from "./explore.ts";
import { buildLadder } from "./ladder.ts";
import { armName, MODES, type Mode } from "./mode.ts";
import { allowsArm } from "./policy.ts";
import {
  armsOf,
  bestOf,
  byUtility,
  isFitter,
  lackOf,
  modelsFor,
  objectionTo,
  weighModes,
} from "./rank-arms.ts";
import { weighArm, type Weighed } from "./weigh-arms.ts";

type ModeUnbound = Extract<ChoiceFailure, { kind: "mode-unbound" }>;

/**
 * Who decides, in this order: a model by name; a tool's result (nothing switches); a mode by name; an effort;
 * the conversation so far; doubt; utility, which is expected score less `lambda` times the expected cost in
 * thousandths of a dollar; and of what utility decides, now and then chance. README.md gives the reasons. Never throws.
 */
export function choose(question: Question): Chosen {
  if (question.asked.model !== null) return chooseNamed(question, question.asked.model);
  const modes = weighModes(question);
  if (modes.length === 0) return { kind: "no-arm", policy: question.policy.name };

  const arms = armsOf(modes);
  const stay = weighPrevious(question);
  const first = decide(question, arms, stay);
  if ("kind" in first) return first;
  const weighed = modes.flat().toSorted(byUtility);
  const all = stay === null ? weighed : [stay, ...weighed];
  const isBound = all.some(({ passed }) => passed !== null);
  const reason = isBound ? reasonFor(question, modes, all, first) : first.reason;
  const open = arms.filter((arm) => objectionTo(arm) === null);
  const runs = first.mayExplore
    ? explore(question, open, first.weighed, reason)
    : unexplored(first.weighed, reason);
  return {
    kind: "chosen",
    choice: {
      ladder: buildLadder(question, runs.weighed, runs.reason, first.keepsMode ? [] : open),
      propensity: runs.propensity,
      isExplored: runs.isExplored,
      candidates: runs.candidates,
      difficultyClass: classOf(question),
      difficultyFrom: difficultyFrom(question),
      weighed: weighed.map(show),
    },
  };
}

function decide(
  question: Question,
  arms: readonly Weighed[],
  stay: Weighed | null,
): First | ModeUnbound {
  if (question.conversation.isToolResult && stay !== null) return stayForTool(stay);
  if (question.asked.mode !== null) return followMode(arms, question.asked.mode);
  return (
    followEffort(question, arms) ??
    followConversation(arms, stay, question) ??
    decideAlone(question, arms)
  );
}

/** Some arm of `all` passes a floor or a ceiling; what would have been decided without tells whether that is the reason. */
function reasonFor(
  question: Question,
  modes: readonly (readonly Weighed[])[],
  all: readonly Weighed[],
  first: First,
): Reason {
  const lift = (arm: Weighed): Weighed => ({ ...arm, passed: null });
  const arms = armsOf(modes.map((weighed) => weighed.map(lift)));
  const stay = weighPrevious(question);
  const free = decide(question, arms, stay === null ? null : lift(stay));
  const wouldRun = "kind" in free ? first.weighed : free.weighed;
  const sameMode = arms.find(({ arm }) => arm.mode === first.weighed.arm.mode);
  const likely = [wouldRun, sameMode].map((one) =>
    all.find(({ arm }) => one !== undefined && armName(arm) === armName(one.arm)),
  );
  return explainBounds(first, [...likely.filter((one) => one !== undefined), ...all]);
}

/** A model by name leaves nothing to choose: one rung, in the mode that was asked for or as the body was written. */
function chooseNamed(question: Question, modelId: string): Chosen {
  const { asked, catalog, modelsAllowed } = question;
  const model = findModel(catalog, modelId);
  // A model that the tenant may not use reads as unknown, so that nobody can learn the catalog by asking.
  if (model === undefined || (modelsAllowed !== null && !modelsAllowed.includes(modelId)))
    return { kind: "model-unknown", model: modelId };
  if (!allowsArm(question.policy, { model: modelId, mode: asked.mode }))
    return forbidNamed(question, modelId);
  const weighed = weighArm(
    question,
    model,
    asked.mode,
    asked.mode ?? effortModes(asked.effort)[0] ?? "short",
  );
  const reason: Reason = { word: "asked-model", sentence: `The caller asked for ${modelId}.` };
  return {
    kind: "chosen",
    choice: {
      ladder: buildLadder(question, weighed, reason, []),
      propensity: 1,
      isExplored: false,
      candidates: [],
      difficultyClass: classOf(question),
      difficultyFrom: difficultyFrom(question),
      weighed: [show({ ...weighed, ruledOut: null, passed: null })],
    },
  };
}

/** The policy does not let this model run so: as one that may not be named at all, or not in the mode that was asked. */
function forbidNamed({ asked, policy }: Question, model: string): Chosen {
  const bound = MODES.filter((mode) => allowsArm(policy, { model, mode }));
  return asked.mode === null || bound.length === 0
    ? { kind: "model-unknown", model }
    : { kind: "mode-unbound", mode: asked.mode, bound };
}

function followMode(arms: readonly Weighed[], mode: Mode): First | ModeUnbound {
  const weighed = arms.find(({ arm }) => arm.mode === mode);
  if (weighed === undefined) {
    const bound = MODES.filter((other) => arms.some(({ arm }) => arm.mode === other));
    return { kind: "mode-unbound", mode, bound };
  }
  const reason: Reason = { word: "asked-mode", sentence: `The caller asked for the mode ${mode}.` };
  return { weighed, reason, keepsMode: true, mayExplore: false };
}

function stayForTool(weighed: Weighed): First {
  const sentence = `A tool's result goes back to the arm that called for it, ${armName(weighed.arm)}.`;
  return { weighed, reason: { word: "tool-result", sentence }, keepsMode: true, mayExplore: false };
}

/** An effort is a wish, not a name: where its mode is not bound, cannot answer or passes a ceiling, the nearest does. */
function followEffort({ asked }: Question, arms: readonly Weighed[]): First | null {
  const leastLack = Math.min(...arms.map(lackOf));
  for (const mode of effortModes(asked.effort)) {
    const weighed = arms.find(({ arm }) => arm.mode === mode);
    if (weighed === undefined || weighed.passed?.word === "ceiling") continue;
    if (lackOf(weighed) > leastLack) continue;
    const sentence = `The caller asked for the effort ${asked.effort}, which is the mode ${mode} here.`;
    return { weighed, reason: { word: "asked-effort", sentence }, ...SETTLED };
  }
  return null;
}

const LEAST: readonly Mode[] = ["direct", "short", "code", "long"];
const LITTLE: readonly Mode[] = ["short", "direct", "code", "long"];
const MOST: readonly Mode[] = ["long", "code", "short", "direct"];

/** An effort's modes, nearest first. `medium`, and words that nobody defined, leave the choice to Sluice. */
const EFFORT_MODES: ReadonlyMap<string, readonly Mode[]> = new Map([
  ["none", LEAST],
  ["minimal", LEAST],
  ["low", LITTLE],
  ["high", MOST],
  ["xhigh", MOST],
  ["max", MOST],
]);

function effortModes(effort: string | null): readonly Mode[] {
  return effort === null ? [] : (EFFORT_MODES.get(effort) ?? []);
}

/** The previous arm on this question; null when there was none or the policy, the tenant or the catalog no longer has it. */
function weighPrevious(question: Question): Weighed | null {
  const { conversation, policy, catalog, modelsAllowed } = question;
  const { previous } = conversation;
  if (previous === null) return null;
  if (previous.mode !== null) {
    const model = modelsFor(question, previous.mode).find(({ id }) => id === previous.model);
    return model === undefined ? null : weighArm(question, model, previous.mode);
  }
  // It went out as written, under a model's name; only a tool's result may return there without the name.
  const model = findModel(catalog, previous.model);
  const isOffered =
    policy.fallback.includes(previous.model) ||
    MODES.some((mode) => policy.modes[mode] === previous.model);
  const isAllowed =
    (modelsAllowed === null || modelsAllowed.includes(previous.model)) &&
    allowsArm(policy, previous);
  return conversation.isToolResult && model !== undefined && isOffered && isAllowed
    ? weighArm(question, model, null)
    : null;
}

/** Stays where the cache is, unless a better and dearer arm gains more than the margin, its fresh reading paid. */
function followConversation(
  arms: readonly Weighed[],
  stay: Weighed | null,
  question: Question,
): First | null {
  const { policy, features } = question;
  if (stay === null) return null;
  const best = bestOf(arms);
  const gain = best.estimate.utility - stay.estimate.utility;
  const isEscalation =
    best.estimate.score > stay.estimate.score && best.estimate.costNanos > stay.estimate.costNanos;
  const isSure = features.confidence >= policy.confidenceMin;
  const pays = isSure && isEscalation && gain > policy.switchMargin;
  // An arm that cannot do the question is left whatever the margin: direct for mathematics in several steps, a model
  // without tools, a context too small. One that is merely more than the question needs is not: a word of thanks leaves
  // no cache behind.
  const cannot = isFitter(best, stay) && (isEscalation || lackOf(stay) > 0);
  // Also downwards: what the operator does not want of an answer, a warm cache does not make them take.
  const { passed } = stay;
  if (
    passed !== null &&
    (best.passed === null || (passed.word === "ceiling" && best.passed.word === "floor"))
  )
    return { weighed: best, reason: explainBound(stay, passed, best), ...SETTLED };
  if (pays || cannot) {
    const why =
      stay.ruledOut?.sentence ??
      `the switch gains ${gain.toFixed(3)}, more than the margin of ${policy.switchMargin}`;
    const sentence = `This turn needs more than ${armName(stay.arm)}: ${why}${rereadOf(best)}.`;
    return { weighed: best, reason: { word: "escalated", sentence }, ...SETTLED };
  }
  const isOther = armName(best.arm) !== armName(stay.arm);
  const instead = isOther
    ? `; ${armName(best.arm)} would change the utility by ${gain.toFixed(3)}${rereadOf(best)}`
    : "";
  const sentence = `The conversation stays on ${armName(stay.arm)}${heldBy(question, stay)}${instead}.`;
  return { weighed: stay, reason: { word: "sticky", sentence }, ...SETTLED };
}

/** What is known of the cache that a conversation stays for. */
function heldBy({ cached }: Question, { arm, estimate: { cachedTokens } }: Weighed): string {
  if (cached?.get(arm.model)?.isWhole !== true) return ", whose cache holds it";
  return cachedTokens === 0
    ? ", though its provider's cache is expected to hold nothing of it any more"
    : `, whose provider's cache is expected to hold ${Math.floor(cachedTokens)} tokens of it`;
}

/** What a switch pays for reading the conversation afresh, which its cost and so its gain already hold. */
function rereadOf({ estimate }: Weighed): string {
  return estimate.rereadNanos === 0
    ? ""
    : `, ${estimate.rereadNanos} nano-dollars for reading the conversation again among its cost`;
}

/** A cheaper arm may run where the budget is short, and chance has no say. */
const SETTLED = { keepsMode: false, mayExplore: false } as const;

function show(weighed: Weighed): Choice["weighed"][number] {
  const { arm, estimate } = weighed;
  return { arm, estimate, ruledOut: objectionTo(weighed) };
}
