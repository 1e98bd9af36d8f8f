// Which of the four formats a request asks for: thinking on is `long`; otherwise the words of
// the prompt decide, by meaning rather than by one gateway's wording.
import type { ChatRequest } from "./chat-request.ts";
import type { ModelName } from "./parameters.ts";

export const modes = ["direct", "short", "code", "long"] as const;
export type Mode = (typeof modes)[number];

/** ARM's own tags, as an assistant message that the engine is told to continue. */
const prefillTags: readonly (readonly [tag: string, mode: Mode])[] = [
  ["<ANSWER>", "direct"],
  ["<COT>", "short"],
  ["<CODE>", "code"],
  ["<LONG_COT>", "long"],
];

/** Read from top to bottom; the first row that matches the end of the last user message wins. */
const instructions: readonly (readonly [asks: RegExp, mode: Mode])[] = [
  [
    /\b(?:write|as|with|in|using)\b[^.\n]{0,60}\b(?:code|program|function|script)\b[^\n]{0,120}\b(?:trace|run|execut\w*|emulat\w*|simulat\w*|step through)/i,
    "code",
  ],
  [
    /\b(?:solve|answer|reason|think)\b[^.\n]{0,40}\b(?:in|with|by writing|through|using) (?:a |some |short |python )*(?:code|program|function)\b/i,
    "code",
  ],
  [
    /\b(?:only|just|nothing but)\b[^.\n]{0,40}\banswer\b|\banswer\b[^.\n]{0,30}\b(?:only|alone|directly|immediately|and nothing else)\b/i,
    "direct",
  ],
  [/\b(?:no|without(?: any)?) (?:explanation|reasoning|working|steps)\b/i, "direct"],
  [/\b(?:brief(?:ly)?|concise(?:ly)?|short|few|minimal|terse)\b/i, "short"],
  [/\b(?:think|reason|work)\b[^.\n]{0,40}\b(?:carefully|thoroughly|at length|in depth)\b/i, "long"],
];

const conciseRequest =
  /\b(?:brief(?:ly)?|concise(?:ly)?|short|minimal words|as few (?:words|tokens|steps)|terse)\b/i;

const lengthRequest =
  /\b(?:at most|no more than|within|under|fewer than|less than|up to|about|around|maximum of|limit of) (\d{1,5}) (words|tokens)\b/i;

/** English runs to about 1.3 tokens a word. */
const tokensPerWord = 1.3;

/** A mode instruction stands at the end; what a long document says before it does not count. */
const instructionCharacters = 1_000;

export type ModeChoice = {
  readonly mode: Mode;
  /** Reasoning goes to its own field, and a thinking budget applies. */
  readonly thinks: boolean;
  /** Thinking was on and shortness was asked for in words. */
  readonly concise: boolean;
  /** "In at most 50 words", as tokens; null when no length is asked for. */
  readonly limitTokens: number | null;
};

export function chooseMode(
  request: ChatRequest,
  profile: ModelName,
  ignoresKnobs: boolean,
): ModeChoice {
  const last = request.messages.at(-1);
  const prefilled =
    last?.role === "assistant"
      ? prefillTags.find(([tag]) => last.content.trimStart().startsWith(tag))
      : undefined;
  if (prefilled !== undefined)
    return { mode: prefilled[1], thinks: false, concise: false, limitTokens: null };

  const end = (
    request.messages.findLast((message) => message.role === "user")?.content ?? ""
  ).slice(-instructionCharacters);
  const limitTokens = readLimit(end);
  if (ignoresKnobs || thinkingIsOn(request, profile))
    return { mode: "long", thinks: true, concise: conciseRequest.test(end), limitTokens };
  const asked = instructions.find(([asks]) => asks.test(end));
  return { mode: asked?.[1] ?? "short", thinks: false, concise: false, limitTokens };
}

/** A text that says how to answer, in any of the ways above, and so is no part of what is asked. */
export function asksForFormat(text: string): boolean {
  return (
    instructions.some(([asks]) => asks.test(text)) ||
    conciseRequest.test(text) ||
    lengthRequest.test(text)
  );
}

function readLimit(text: string): number | null {
  const match = lengthRequest.exec(text);
  if (match === null) return null;
  return Math.max(1, Number(match[1]) * (match[2]?.toLowerCase() === "words" ? tokensPerWord : 1));
}

/** The template's switch is stronger than the effort; without any knob only the large model thinks. */
function thinkingIsOn(request: ChatRequest, profile: ModelName): boolean {
  if (request.enableThinking !== null) return request.enableThinking;
  if (request.effort !== null) return request.effort !== "none" && request.effort !== "minimal";
  if (request.thinkingTokens !== null) return request.thinkingTokens > 0;
  return profile === "sim-large";
}
