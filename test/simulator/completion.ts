// From a parsed request to everything that the answer will say, before any of it is sent:
// reasoning, content or a tool call, why it ends, and what it costs.
import { markOf, nearMiss, writeAnswer } from "./answer-text.ts";
import type { ChatMessage, ChatRequest } from "./chat-request.ts";
import { effectsOfElements } from "./elements.ts";
import type { Item } from "./items/item.ts";
import { recogniseItem } from "./items/recognise.ts";
import { withoutInstructions } from "./instructions.ts";
import { judge, type Judgement } from "./judge.ts";
import { withoutMarkers } from "./misbehaviour.ts";
import { chooseMode, type Mode, type ModeChoice } from "./mode.ts";
import { parameters, profileOf, type Effect } from "./parameters.ts";
import { asksForPlan, planSteps, writePlan } from "./planner.ts";
import { writeProse } from "./prose.ts";
import { writeJson } from "./structured.ts";
import { countTokens, takeTokens } from "./tokens.ts";
import { chooseToolCall, type ToolCall } from "./tool-call.ts";

export type FinishReason = "stop" | "length" | "tool_calls";

export type Choice = {
  readonly reasoning: string;
  readonly content: string;
  readonly toolCall: ToolCall | null;
  readonly finishReason: FinishReason;
  readonly reasoningTokens: number;
  /** Reasoning, content and what frames them (end of turn, answer tags). */
  readonly completionTokens: number;
};

export type CompletionOptions = {
  readonly seed: number;
  readonly ignoresKnobs: boolean;
  /** Said before everything else; a misbehaviour uses it to have wide characters to split. */
  readonly preface: string;
};

export type Completion = {
  readonly mode: Mode;
  readonly promptTokens: number;
  readonly prompt: string;
  readonly choices: readonly Choice[];
};

/** Enough of a question to draw by; its end is what differs between prompts. */
const questionCharacters = 2_000;

/** Ending the turn costs a token; ARM's answer tags, which an engine strips, cost up to eight more. */
const frameTokensMin = 1;
const frameTokensMax = 9;

export function complete(request: ChatRequest, options: CompletionOptions): Completion {
  const prompt = renderPrompt(request);
  const mode = chooseMode(request, profileOf(request.model), options.ignoresKnobs);
  // At temperature 0 the model has one answer, whatever seed or choice is asked for.
  const sampleOf = (index: number): string =>
    request.temperature === 0 ? "" : `${request.sampleSeed}${index === 0 ? "" : `#${index}`}`;
  const choices = Array.from({ length: request.choices }, (_, index) =>
    completeChoice(request, mode, sampleOf(index), options),
  );
  return { mode: mode.mode, prompt, promptTokens: countTokens(prompt), choices };
}

/** The chat template: what the tokenizer counts and the prefix cache sees. */
export function renderPrompt(request: ChatRequest): string {
  const tools = request.tools.length === 0 ? "" : `<|tools|>${JSON.stringify(request.tools)}\n`;
  const turns = request.messages
    .map((message) => `<|${message.role}|>\n${message.content}\n`)
    .join("");
  return `${tools}${turns}${request.continues ? "" : "<|assistant|>\n"}`;
}

type Draft = {
  readonly reasoning: string;
  readonly content: string;
  readonly needTokens: number;
  readonly toolCall: ToolCall | null;
};

function completeChoice(
  request: ChatRequest,
  mode: ModeChoice,
  sample: string,
  options: CompletionOptions,
): Choice {
  const drafted = draftAnswer(request, mode, sample, options);
  const { preface } = options;
  const draft =
    preface === "" || drafted.toolCall !== null
      ? drafted
      : {
          ...drafted,
          content: preface + drafted.content,
          reasoning: drafted.reasoning === "" ? "" : preface + drafted.reasoning,
        };
  return cutDraft(draft, options.ignoresKnobs ? { capTokens: null, stop: [] } : request);
}

function draftAnswer(
  request: ChatRequest,
  mode: ModeChoice,
  sample: string,
  options: CompletionOptions,
): Draft {
  const question = questionOf(request.messages);
  const key = `${options.seed}|${request.model}|${mode.mode}|${question.slice(-questionCharacters)}|${sample}`;
  const toolCall = chooseToolCall(request, question, key);
  if (toolCall !== null) return { reasoning: "", content: "", needTokens: 0, toolCall };
  const last = request.messages.at(-1);
  const item = last?.role === "tool" ? null : itemOf(request.messages);
  if (item !== null)
    return draftItem(request, mode, item, {
      ...options,
      sample,
      key: `${options.seed}|${request.model}|${mode.mode}|${item.key}|${sample}`,
    });

  const prose =
    last?.role === "tool"
      ? { reasoning: "", content: `According to the result, ${last.content.trim()}` }
      : writeProse(withoutInstructions(question), mode.mode, mode.thinks, key);
  const content =
    request.format.kind === "text" ? prose.content : formatJson(request, prose.content, []);
  return { reasoning: prose.reasoning, content, needTokens: 0, toolCall: null };
}

type ItemOptions = CompletionOptions & { readonly sample: string; readonly key: string };

function draftItem(
  request: ChatRequest,
  choice: ModeChoice,
  item: Item,
  options: ItemOptions,
): Draft {
  const { mode, thinks } = choice;
  const { key, ignoresKnobs } = options;
  if (asksForPlan(request)) {
    const planning = { ...options, sample: `${options.sample}|plan` };
    const understood = judgeAs(
      mode,
      request,
      choice,
      item,
      planning,
      parameters.planLogit,
    ).isRightAt(1);
    const steps = planSteps(item, understood, key);
    const content =
      request.format.kind === "text"
        ? writePlan(steps, request)
        : formatJson(request, steps.join("; "), steps);
    return { reasoning: "", content, needTokens: 0, toolCall: null };
  }

  const judgement = judgeAs(mode, request, choice, item, options);
  const thought = thoughtTokens(request.messages);
  const allowed = ignoresKnobs || !thinks ? null : request.thinkingTokens;
  const share = allowed === null ? 1 : Math.min(1, (allowed + thought) / judgement.needTokens);
  // A turn that only has to conclude from thinking in its prompt knows what that thinking knew.
  const long = thought > 0 && !thinks ? judgeAs("long", request, choice, item, options) : null;
  const right =
    long === null ? judgement.isRightAt(share) : long.isRightAt(thought / long.needTokens);
  const final = right ? item.answer : nearMiss(item, key);
  const text = writeAnswer(item, mode, judgement, {
    key,
    mark: markOf(promptOf(request)),
    share,
    thinks,
    final,
  });
  const reasoning = allowed === null ? text.reasoning : takeTokens(text.reasoning, allowed);
  const content =
    request.format.kind === "text" ? text.content : formatJson(request, final, item.steps);
  return {
    reasoning,
    content,
    needTokens: Math.round(judgement.needTokens * share),
    toolCall: null,
  };
}

function judgeAs(
  mode: Mode,
  request: ChatRequest,
  choice: ModeChoice,
  item: Item,
  options: ItemOptions,
  logit = 0,
): Judgement {
  const { seed, sample, ignoresKnobs } = options;
  const effort = choice.thinks && !ignoresKnobs ? request.effort : null;
  const effects: Effect[] = [
    { logit, tokensFactor: 1 },
    ...effectsOfElements(promptOf(request), item, parameters.elements),
    ...(effort === null ? [] : [parameters.efforts[effort]]),
    ...(choice.concise && !ignoresKnobs ? [parameters.elements.concise] : []),
  ];
  const { itemShare, capLogitDrop, candidateNoise, lengthWish } = parameters;
  const curve = parameters.curves[profileOf(request.model)][mode];
  const limitTokens = ignoresKnobs ? null : choice.limitTokens;
  return judge({
    seed,
    model: request.model,
    mode,
    item,
    sample,
    effects,
    limitTokens,
    curve,
    itemShare,
    capLogitDrop,
    candidateNoise,
    lengthWish,
  });
}

function promptOf(request: ChatRequest): string {
  return request.messages.map((message) => message.content).join("\n\n");
}

/** Where a cap or a stop sequence ends the answer, and what is then counted. */
function cutDraft(
  draft: Draft,
  limits: { readonly capTokens: number | null; readonly stop: readonly string[] },
): Choice {
  const cap = limits.capTokens ?? Infinity;
  const stops = limits.stop.map((stop) => draft.content.indexOf(stop)).filter((at) => at >= 0);
  const stopped = stops.length === 0 ? draft.content : draft.content.slice(0, Math.min(...stops));
  const toolTokens =
    draft.toolCall === null ? 0 : countTokens(draft.toolCall.name + draft.toolCall.argumentsJson);

  const reasoningTokens = Math.min(countTokens(draft.reasoning), cap);
  const room = cap - reasoningTokens;
  const contentTokens = Math.min(countTokens(stopped), room);
  const spent = reasoningTokens + contentTokens + toolTokens;
  const truncated = countTokens(draft.reasoning) + countTokens(stopped) + toolTokens > cap;
  const frameTokens = Math.min(frameTokensMax, Math.max(frameTokensMin, draft.needTokens - spent));
  return {
    reasoning: truncated ? takeTokens(draft.reasoning, reasoningTokens) : draft.reasoning,
    content: truncated ? takeTokens(stopped, contentTokens) : stopped,
    toolCall: draft.toolCall,
    finishReason: truncated ? "length" : draft.toolCall === null ? "stop" : "tool_calls",
    reasoningTokens,
    completionTokens: Math.min(cap, spent + frameTokens),
  };
}

/** The newest user message that asks an item: a turn such as "go on" means the one before. */
function itemOf(messages: readonly ChatMessage[]): Item | null {
  for (const message of messages.toReversed()) {
    if (message.role !== "user") continue;
    const text = withoutMarkers(message.content);
    const item = recogniseItem(withoutInstructions(text));
    if (item !== null) return item;
    if (!refersBack.test(text) || text.length > refersBackCharactersMax) return null;
  }
  return null;
}

/** Words by which a short turn speaks of the question before it. */
const refersBack =
  /\b(?:continue|go on|answer|conclude|summar\w+|so far|check|verify|sure|again|above|previous|reasoning|result|solution|solve|that)\b/i;
const refersBackCharactersMax = 4_000;

function questionOf(messages: readonly ChatMessage[]): string {
  return withoutMarkers(
    messages.findLast((message) => message.role === "user")?.content ?? "",
  ).trim();
}

/** Thinking of ours anywhere in the prompt, known by how `answer-text.ts` begins it. */
function thoughtTokens(messages: readonly ChatMessage[]): number {
  const spans = messages.flatMap(
    (message) => `${message.reasoning}\n\n${message.content}`.match(thoughtSpan) ?? [],
  );
  return countTokens(spans.join(""));
}

const thoughtSpan = /First I need to [\s\S]*?(?=<\/think>|\n\s*\n|$)/g;

function formatJson(request: ChatRequest, answer: string, steps: readonly string[]): string {
  const words = withoutInstructions(questionOf(request.messages)).match(/\p{L}{3,}/gu) ?? ["text"];
  return writeJson(request.format.kind === "schema" ? request.format.schema : null, {
    answer,
    words,
    steps,
  });
}
