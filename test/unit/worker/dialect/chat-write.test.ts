// Answers that Sluice writes itself read back, by the reader of upstreams, as the deltas that they were made of.
import { describe, expect, it } from "vitest";
import { chat } from "../../../../worker/dialect/chat.ts";
import type { AnswerHead, Delta } from "../../../../worker/dialect/dialect.ts";
import { AnswerReader } from "../../../../worker/upstream/wire/read.ts";
import { split } from "../fuzz-streams.ts";

const HEAD: AnswerHead = {
  requestId: "1",
  model: "small",
  createdSeconds: 1_700_000_000,
  wantsUsage: true,
};
const USAGE = {
  inputTokens: 9,
  cachedTokens: 4,
  cacheWriteTokens: 0,
  outputTokens: 7,
  reasoningTokens: 3,
};
const DELTAS: readonly Delta[] = [
  { kind: "reasoning", text: "Let me\nsee \u2028" },
  { kind: "text", text: 'It is "4"' },
  { kind: "text", text: "." },
  { kind: "tool-call", index: 0, id: "c1", name: "add", arguments: "" },
  { kind: "tool-call", index: 0, id: null, name: null, arguments: '{"a":2}' },
  { kind: "finish", reason: "tool_calls" },
  { kind: "usage", usage: USAGE },
];

function streamOf(head: AnswerHead, deltas: readonly Delta[]): (string | null)[] {
  const { event } = chat;
  const text =
    event.open(head) + deltas.map((each) => event.delta(head, each)).join("") + event.close(head);
  return split([new TextEncoder().encode(text)]).map(({ data }) => data);
}

function deltasOf(data: readonly (string | null)[]): Delta[] {
  const reader = new AnswerReader();
  return data.flatMap((text) => {
    const reading = reader.readEvent(text ?? "");
    return reading.kind === "chunk" ? [...reading.deltas] : [];
  });
}

describe("a stream of our own", () => {
  it("reads back as the deltas that it was made of, and ends with [DONE]", () => {
    const data = streamOf(HEAD, DELTAS);
    expect(deltasOf(data)).toEqual(DELTAS);
    expect(data.at(-1)).toBe("[DONE]");
    expect(JSON.parse(data[0] ?? "")).toMatchObject({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_700_000_000,
      model: "small",
      choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
    });
  });

  it("has the usage chunk only when it was asked for", () => {
    const usages = (wantsUsage: boolean): number =>
      streamOf({ ...HEAD, wantsUsage }, DELTAS).filter((data) => data?.includes('"usage"')).length;
    expect(usages(true)).toBe(1);
    expect(usages(false)).toBe(0);
  });
});

describe("a whole answer of our own", () => {
  it("holds what the deltas say", () => {
    expect(JSON.parse(chat.write(HEAD, DELTAS))).toEqual({
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_700_000_000,
      model: "small",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: 'It is "4".',
            reasoning_content: "Let me\nsee \u2028",
            tool_calls: [
              { id: "c1", type: "function", function: { name: "add", arguments: '{"a":2}' } },
            ],
          },
          logprobs: null,
          finish_reason: "tool_calls",
        },
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 7,
        total_tokens: 16,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 3 },
      },
    });
  });

  it("has a content of null only when tools were called instead", () => {
    const content = (deltas: readonly Delta[]): unknown =>
      (JSON.parse(chat.write(HEAD, deltas)) as { choices: { message: { content: unknown } }[] })
        .choices[0]?.message.content;
    expect(
      content([{ kind: "tool-call", index: 0, id: "c", name: "f", arguments: "{}" }]),
    ).toBeNull();
    expect(content([])).toBe("");
  });
});

describe("a cut", () => {
  it("ends each answer that is still open as its own bound would have, and no other", () => {
    const events = split([new TextEncoder().encode(chat.event.cut(HEAD, [0, 2]))]);
    const choices = events.map(
      ({ data }) => (JSON.parse(data ?? "") as { choices: object[] }).choices,
    );
    expect(choices).toMatchObject([
      [{ index: 0, delta: {}, finish_reason: "length" }],
      [{ index: 2, delta: {}, finish_reason: "length" }],
    ]);
    expect(chat.event.cut(HEAD, [])).toBe("");
  });
});

describe("an explanation", () => {
  it.each(['{"id":"x", "usage":{"a":1.0} }', '{ "a":"}{" }\n', '{"a":{}}'])(
    "leaves the text of %s as it was",
    (answer) => {
      const explained = chat.explain.body(answer, '{"why":1}');
      expect(explained.replace(',"sluice":{"why":1}', "")).toBe(answer);
      expect(JSON.parse(explained)).toEqual({
        ...(JSON.parse(answer) as object),
        sluice: { why: 1 },
      });
    },
  );

  it("fits into an empty answer", () => {
    expect(chat.explain.body("{}", "1")).toBe('{"sluice":1}');
  });

  it("is an event of its own before the last, without a choice", () => {
    const [event] = split([new TextEncoder().encode(chat.explain.event(HEAD, '{"why":1}'))]);
    expect(JSON.parse(event?.data ?? "")).toMatchObject({ choices: [], sluice: { why: 1 } });
    expect(chat.explain.isLast("[DONE]")).toBe(true);
    expect(chat.explain.isLast(event?.data ?? "")).toBe(false);
  });
});

describe("a failure", () => {
  const failure = {
    status: 429,
    message: "No.",
    type: "t",
    code: "c",
    param: null,
    headers: { "retry-after": "1" },
  };

  it("has OpenAI's shape, as a body and as an event", () => {
    const shape = { error: { message: "No.", type: "t", param: null, code: "c" } };
    expect(JSON.parse(chat.fail.body(failure, "id"))).toEqual(shape);
    const events = split([new TextEncoder().encode(chat.fail.event(failure, "id"))]);
    expect(events.map(({ data }) => JSON.parse(data ?? "") as unknown)).toEqual([shape]);
  });
});
