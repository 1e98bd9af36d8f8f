// Everything that the two renderings of an answer, stream and body, have in common: its names,
// its usage, its pace, and what it has to suffer.
import type { Completion } from "./completion.ts";
import type { AnswerShape } from "./dialects/dialect.ts";
import type { Misbehaviours } from "./misbehaviour.ts";
import type { Pace } from "./pace.ts";
import type { Usage } from "./usage.ts";

export type Answer = {
  readonly id: string;
  readonly createdSeconds: number;
  readonly model: string;
  readonly completion: Completion;
  readonly usage: Usage;
  readonly shape: AnswerShape;
  readonly includeUsage: boolean;
  readonly topLogprobs: number | null;
  readonly chunkTokens: number;
  readonly pace: Pace;
  readonly misbehaviours: Misbehaviours;
};

/** An engine that fails after it said 200. */
export const engineError = {
  error: {
    message: "The engine failed while generating.",
    type: "server_error",
    param: null,
    code: "engine_error",
  },
} as const;

/** Which field, or which tags, carry the reasoning, if it is shown at all. */
export type ReasoningDialect = AnswerShape["reasoning"] | "tags";

/** What a test orders is stronger than the way of the engine. */
export function dialectOf({ misbehaviours, shape }: Answer): ReasoningDialect {
  if (misbehaviours.has("think-tags") || misbehaviours.has("split-tags")) return "tags";
  if (misbehaviours.has("reasoning")) return "reasoning";
  return misbehaviours.has("reasoning-content") ? "reasoning_content" : shape.reasoning;
}

export const openTag = "<think>\n";
export const closeTag = "\n</think>\n\n";
