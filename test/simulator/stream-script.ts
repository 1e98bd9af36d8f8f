// An answer as server-sent events, as a script of steps with its misbehaviours worked in.
import {
  closeTag,
  dialectOf,
  engineError,
  openTag,
  type Answer,
  type ReasoningDialect,
} from "./answer.ts";
import type { Choice } from "./completion.ts";
import { writeLogprobs } from "./logprobs.ts";
import type { Step } from "./step.ts";
import { countTokens, splitText } from "./tokens.ts";
import { cutWide, oneByOne } from "./wire.ts";

/** One event's payload and the tokens that it took to decode. */
type StreamEvent = { readonly data: string; readonly tokens: number };

/** Bytes that were written need a moment to leave before the socket is destroyed under them. */
const cutDelayMs = 20;

export function scriptStream(answer: Answer): Step[] {
  const { misbehaviours, pace } = answer;
  const first: Step = { kind: "wait", waitMs: pace.beforeFirstMs };
  if (misbehaviours.has("cut-early"))
    return [first, { kind: "wait", waitMs: cutDelayMs }, { kind: "cut" }];
  if (misbehaviours.has("error-in-200")) {
    return [
      first,
      ...events([{ data: JSON.stringify(engineError), tokens: 0 }], answer),
      ...done(answer),
    ];
  }

  const body = renderEvents(answer);
  // After some content in any case: the role's event and at least one more.
  const middle = Math.min(body.length - 1, Math.max(2, Math.floor(body.length / 2)));
  const before = (): Step[] => [first, ...events(body.slice(0, middle), answer)];
  if (misbehaviours.has("stall")) return [...before(), { kind: "stall" }];
  if (misbehaviours.has("cut"))
    return [...before(), { kind: "wait", waitMs: cutDelayMs }, { kind: "cut" }];
  if (misbehaviours.has("error-mid-stream")) {
    return [
      ...before(),
      ...events([{ data: JSON.stringify(engineError), tokens: 0 }], answer),
      ...done(answer),
    ];
  }
  const told = withUsage(body, answer);
  const whole = misbehaviours.has("broken-json")
    ? told.with(middle, breakJson(told[middle]))
    : told;
  return [first, ...events(whole, answer), ...done(answer)];
}

/** The usage in a chunk of its own, or beside the last finish reason. */
function withUsage(body: readonly StreamEvent[], answer: Answer): readonly StreamEvent[] {
  if (!answer.includeUsage || answer.misbehaviours.has("no-usage")) return body;
  const usage = answer.shape.usage(answer.usage);
  const last = body.at(-1);
  if (answer.shape.usagePlace === "own-chunk" || last === undefined) {
    const data = JSON.stringify({ ...frame(answer), choices: [], usage });
    return [...body, { data, tokens: 0 }];
  }
  const beside = { ...(JSON.parse(last.data) as object), usage };
  return [...body.slice(0, -1), { ...last, data: JSON.stringify(beside) }];
}

function renderEvents(answer: Answer): StreamEvent[] {
  const perChoice = answer.completion.choices.map((choice, index) =>
    renderChoice(choice, index, answer),
  );
  const longest = Math.max(...perChoice.map((list) => list.length));
  // Choices are decoded side by side, so their events take turns.
  return Array.from({ length: longest }, (_, at) =>
    perChoice.flatMap((list) => list.slice(at, at + 1)),
  ).flat();
}

function renderChoice(choice: Choice, index: number, answer: Answer): StreamEvent[] {
  const event = (
    delta: unknown,
    text: string,
    finishReason: string | null = null,
    withLogprobs = false,
  ): StreamEvent => {
    const logprobs =
      answer.topLogprobs === null || !withLogprobs ? null : writeLogprobs(text, answer.topLogprobs);
    return {
      data: JSON.stringify({
        ...frame(answer),
        choices: [{ index, delta, logprobs, finish_reason: finishReason }],
      }),
      tokens: countTokens(text),
    };
  };
  const { reasoning, content } = textParts(choice, answer, dialectOf(answer));
  return [
    event({ role: "assistant", content: "" }, ""),
    ...reasoning.map(([field, text]) => event({ [field]: text }, text)),
    ...content.map((text) => event({ content: text }, text, null, true)),
    ...toolDeltas(choice, answer.chunkTokens).map(({ delta, text }) => event(delta, text)),
    event({}, "", choice.finishReason),
  ];
}

function textParts(
  choice: Choice,
  answer: Answer,
  dialect: ReasoningDialect,
): {
  readonly reasoning: readonly (readonly [field: string, text: string])[];
  readonly content: readonly string[];
} {
  const content = splitText(choice.content, answer.chunkTokens);
  const thoughts = splitText(choice.reasoning, answer.chunkTokens);
  if (dialect === "hidden") return { reasoning: [], content };
  if (choice.reasoning === "" || dialect !== "tags")
    return { reasoning: thoughts.map((text) => [dialect, text] as const), content };
  // Three letters into the tag, so that neither half can be taken for one.
  const split = (tag: string): string[] =>
    answer.misbehaviours.has("split-tags")
      ? [tag.slice(0, 4), tag.slice(4, 6), tag.slice(6)]
      : [tag];
  return {
    reasoning: [],
    content: [...split(openTag), ...thoughts, ...split(closeTag), ...content],
  };
}

function toolDeltas(
  choice: Choice,
  chunkTokens: number,
): { readonly delta: unknown; readonly text: string }[] {
  const call = choice.toolCall;
  if (call === null) return [];
  const opening = {
    tool_calls: [
      { index: 0, id: call.id, type: "function", function: { name: call.name, arguments: "" } },
    ],
  };
  const parts = splitText(call.argumentsJson, chunkTokens);
  return [
    { delta: opening, text: call.name },
    ...parts.map((text) => ({
      delta: { tool_calls: [{ index: 0, function: { arguments: text } }] },
      text,
    })),
  ];
}

function frame(answer: Answer): Record<string, unknown> {
  return {
    id: answer.id,
    object: "chat.completion.chunk",
    created: answer.createdSeconds,
    model: answer.model,
  };
}

function breakJson(event: StreamEvent | undefined): StreamEvent {
  const data = event?.data ?? "{}";
  return { data: data.slice(0, Math.ceil(data.length / 2)), tokens: event?.tokens ?? 0 };
}

function events(list: readonly StreamEvent[], answer: Answer): Step[] {
  return list.flatMap(({ data, tokens }, index): Step[] => {
    const comment =
      (answer.misbehaviours.has("comments") || answer.shape.comments) && index > 0
        ? writeLines(": still here", answer)
        : [];
    const wait: Step[] =
      tokens === 0 || answer.pace.perTokenMs === 0
        ? []
        : [{ kind: "wait", waitMs: tokens * answer.pace.perTokenMs }];
    return [...wait, ...comment, ...writeLines(`data: ${data}`, answer)];
  });
}

function done(answer: Answer): Step[] {
  return answer.misbehaviours.has("no-done") ? [] : writeLines("data: [DONE]", answer);
}

function writeLines(line: string, { misbehaviours }: Answer): Step[] {
  const bytes = Buffer.from(misbehaviours.has("crlf") ? `${line}\r\n\r\n` : `${line}\n\n`);
  if (misbehaviours.has("one-byte")) return oneByOne(bytes);
  if (misbehaviours.has("split-utf8")) return cutWide(bytes);
  return [{ kind: "write", bytes }];
}
