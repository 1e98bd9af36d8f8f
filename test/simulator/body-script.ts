// An answer as one JSON body, as a script of steps with its misbehaviours worked in.
import { closeTag, dialectOf, engineError, openTag, type Answer } from "./answer.ts";
import type { Choice } from "./completion.ts";
import { writeLogprobs } from "./logprobs.ts";
import type { Step } from "./step.ts";
import { cutWide, oneByOne } from "./wire.ts";

export function scriptBody(answer: Answer): Step[] {
  const { misbehaviours, pace, completion } = answer;
  const tokens = completion.choices.reduce((sum, choice) => sum + choice.completionTokens, 0);
  const wait: Step = { kind: "wait", waitMs: pace.beforeFirstMs + pace.perTokenMs * tokens };
  if (misbehaviours.has("error-in-200"))
    return [wait, ...writes(JSON.stringify(engineError), answer)];
  const text = JSON.stringify(renderBody(answer));
  if (misbehaviours.has("broken-json"))
    return [wait, ...writes(text.slice(0, -Math.ceil(text.length / 3)), answer)];
  const half = writes(text.slice(0, Math.ceil(text.length / 2)), answer);
  // There is no event to put an error into: the body breaks off, as it does behind a dying engine.
  if (misbehaviours.has("cut") || misbehaviours.has("error-mid-stream"))
    return [wait, ...half, { kind: "wait", waitMs: cutDelayMs }, { kind: "cut" }];
  if (misbehaviours.has("stall")) return [wait, ...half, { kind: "stall" }];
  return [wait, ...writes(text, answer)];
}

/** Bytes that were written need a moment to leave before the socket is destroyed under them. */
const cutDelayMs = 20;

function renderBody(answer: Answer): unknown {
  const { id, createdSeconds, model, completion, usage, shape, misbehaviours } = answer;
  return {
    id,
    object: "chat.completion",
    created: createdSeconds,
    model,
    choices: completion.choices.map((choice, index) => ({
      index,
      message: renderMessage(choice, answer),
      logprobs:
        answer.topLogprobs === null ? null : writeLogprobs(choice.content, answer.topLogprobs),
      finish_reason: choice.finishReason,
    })),
    ...(misbehaviours.has("no-usage") ? {} : { usage: shape.usage(usage) }),
  };
}

function renderMessage(choice: Choice, answer: Answer): unknown {
  const dialect = dialectOf(answer);
  const tagged = dialect === "tags" && choice.reasoning !== "";
  const calls =
    choice.toolCall === null
      ? {}
      : {
          tool_calls: [
            {
              id: choice.toolCall.id,
              type: "function",
              function: { name: choice.toolCall.name, arguments: choice.toolCall.argumentsJson },
            },
          ],
        };
  return {
    role: "assistant",
    content:
      choice.toolCall !== null
        ? null
        : tagged
          ? `${openTag}${choice.reasoning}${closeTag}${choice.content}`
          : choice.content,
    ...(dialect === "tags" || dialect === "hidden" || choice.reasoning === ""
      ? {}
      : { [dialect]: choice.reasoning }),
    ...calls,
  };
}

function writes(text: string, { misbehaviours }: Answer): Step[] {
  const bytes = Buffer.from(text);
  if (misbehaviours.has("one-byte")) return oneByOne(bytes);
  if (misbehaviours.has("split-utf8")) return cutWide(bytes);
  return [{ kind: "write", bytes }];
}
