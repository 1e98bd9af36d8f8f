// What upstreams say, in every spelling that they use for it, whole or piece by piece. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Delta } from "../../../../../worker/dialect/dialect.ts";
import { readErrorText } from "../../../../../worker/upstream/wire/read-error.ts";
import { AnswerReader, type Reading } from "../../../../../worker/upstream/wire/read.ts";

type Chunk = Extract<Reading, { kind: "chunk" }>;

function chunkOf(reading: Reading): Chunk {
  if (reading.kind !== "chunk") throw new Error(`It is ${reading.kind}.`);
  return reading;
}

function say(delta: object, finish: string | null = null, index = 0): string {
  return JSON.stringify({ choices: [{ index, delta, finish_reason: finish }] });
}

function readAll(events: readonly string[], reader = new AnswerReader()): Delta[] {
  return events.flatMap((data) => [...chunkOf(reader.readEvent(data)).deltas]);
}

function texts(deltas: readonly Delta[]): { text: string; reasoning: string } {
  const of = (kind: "text" | "reasoning"): string =>
    deltas.map((delta) => (delta.kind === kind ? delta.text : "")).join("");
  return { text: of("text"), reasoning: of("reasoning") };
}

describe("an answer's text", () => {
  it.each([
    { name: "reasoning_content", deltas: [{ reasoning_content: "R" }, { content: "A" }] },
    { name: "reasoning", deltas: [{ reasoning: "R" }, { content: "A" }] },
    {
      name: "both, one of them empty",
      deltas: [{ reasoning_content: "", reasoning: "R" }, { content: "A" }],
    },
    {
      name: "both, saying the same",
      deltas: [{ reasoning_content: "R", reasoning: "R" }, { content: "A" }],
    },
    { name: "tags in the text", deltas: [{ content: "<think>R</think>A" }] },
    {
      name: "tags in pieces",
      deltas: [{ content: "<th" }, { content: "ink>R</thi" }, { content: "nk>A" }],
    },
    { name: "a refusal", deltas: [{ reasoning: "R" }, { content: "", refusal: "A" }] },
  ])("is told from thinking by $name", ({ deltas }) => {
    const events = [
      say({ role: "assistant", content: "" }),
      ...deltas.map((delta) => say(delta)),
      say({}, "stop"),
    ];
    expect(texts(readAll(events))).toEqual({ text: "A", reasoning: "R" });
  });

  it("is the same however its tags were cut", () => {
    const whole = "\n<think>Let me </ think</think>\n\nIt is <think>4</think>.";
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length }), { maxLength: 10 }), (cuts) => {
        const places = [0, ...cuts.toSorted((left, right) => left - right), whole.length];
        const events = places
          .slice(1)
          .map((end, at) => say({ content: whole.slice(places[at], end) }));
        expect(texts(readAll([...events, say({}, "stop")]))).toEqual({
          text: "\n\nIt is <think>4</think>.",
          reasoning: "Let me </ think",
        });
      }),
    );
  });

  it("of a whole answer is read as that of a stream", () => {
    const message = { role: "assistant", content: "<think>R</think>A", tool_calls: null };
    const body = JSON.stringify({ choices: [{ index: 0, message, finish_reason: "stop" }] });
    expect(chunkOf(new AnswerReader().readBody(body)).deltas).toEqual([
      { kind: "reasoning", text: "R" },
      { kind: "text", text: "A" },
      { kind: "finish", reason: "stop" },
    ]);
  });

  it("that a tag held back comes out with the end", () => {
    expect(texts(readAll([say({ content: "<thi" }), say({}, "stop")]))).toEqual({
      text: "<thi",
      reasoning: "",
    });
  });

  it("of a second answer is counted and not mixed into the first", () => {
    const reader = new AnswerReader();
    const second = chunkOf(reader.readEvent(say({ content: "<think>" }, null, 1)));
    expect(second).toMatchObject({ deltas: [], isReal: true });
    expect(texts(readAll([say({ content: "A" })], reader))).toEqual({ text: "A", reasoning: "" });
    expect(reader.seenTokens).toBe(2);
  });
});

describe("a tool call", () => {
  it("is read in its pieces", () => {
    const call = (fields: object): string => say({ tool_calls: [fields] });
    expect(
      readAll([
        call({ index: 0, id: "c", type: "function", function: { name: "add", arguments: "" } }),
        call({ index: 0, function: { arguments: '{"a":1}' } }),
        call({ index: 1, id: "d", function: { name: "sub", arguments: "{}" } }),
      ]),
    ).toEqual([
      { kind: "tool-call", index: 0, id: "c", name: "add", arguments: "" },
      { kind: "tool-call", index: 0, id: null, name: null, arguments: '{"a":1}' },
      { kind: "tool-call", index: 1, id: "d", name: "sub", arguments: "{}" },
    ]);
  });

  it("without an index is numbered by its place", () => {
    const deltas = readAll([say({ tool_calls: [{ id: "a" }, { id: "b" }] })]);
    expect(deltas.map((delta) => delta.kind === "tool-call" && delta.index)).toEqual([0, 1]);
  });

  it("may stand in a list of any length", () => {
    const calls = `[${"{},".repeat(300_000)}{}]`;
    const data = `{"choices":[{"delta":{"tool_calls":${calls}}}]}`;
    expect(chunkOf(new AnswerReader().readEvent(data)).deltas).toHaveLength(300_001);
  });
});

describe("usage", () => {
  const usage = {
    prompt_tokens: 100,
    completion_tokens: 50,
    prompt_tokens_details: { cached_tokens: 64 },
    completion_tokens_details: { reasoning_tokens: 30 },
  };
  const read = (fields: object): unknown => {
    const reader = new AnswerReader();
    reader.readEvent(JSON.stringify({ choices: [], ...fields }));
    return reader.usage;
  };

  it.each([
    {
      name: "with its details",
      usage,
      out: { inputTokens: 100, cachedTokens: 64, outputTokens: 50, reasoningTokens: 30 },
    },
    {
      name: "without details",
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      out: { inputTokens: 1, cachedTokens: 0, outputTokens: 2, reasoningTokens: 0 },
    },
    {
      name: "with details of null",
      usage: { ...usage, prompt_tokens_details: null, completion_tokens_details: null },
      out: { inputTokens: 100, cachedTokens: 0, outputTokens: 50, reasoningTokens: 0 },
    },
    {
      name: "with DeepSeek's cache hits",
      usage: { prompt_tokens: 9, completion_tokens: 1, prompt_cache_hit_tokens: 8 },
      out: { inputTokens: 9, cachedTokens: 8, outputTokens: 1, reasoningTokens: 0 },
    },
    {
      name: "with thinking outside the output, as xAI counts",
      usage: {
        prompt_tokens: 12,
        completion_tokens: 2,
        total_tokens: 331,
        completion_tokens_details: { reasoning_tokens: 317 },
      },
      out: { inputTokens: 12, outputTokens: 319, cachedTokens: 0, reasoningTokens: 317 },
    },
    {
      name: "with thinking in the total alone, as Gemini counts",
      usage: { prompt_tokens: 20, completion_tokens: 151, total_tokens: 553 },
      out: { inputTokens: 20, outputTokens: 533, cachedTokens: 0, reasoningTokens: 382 },
    },
    {
      name: "with cached tokens outside the input",
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 65,
        prompt_tokens_details: { cached_tokens: 50 },
      },
      out: { inputTokens: 60, outputTokens: 5, cachedTokens: 50, reasoningTokens: 0 },
    },
    {
      name: "as it came when its total explains nothing",
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 99,
        completion_tokens_details: { reasoning_tokens: 7 },
      },
      out: { inputTokens: 10, outputTokens: 5, cachedTokens: 0, reasoningTokens: 7 },
    },
    {
      name: "as it came when its total is too small",
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 0,
        completion_tokens_details: { reasoning_tokens: 7 },
      },
      out: { inputTokens: 10, outputTokens: 5, cachedTokens: 0, reasoningTokens: 7 },
    },
    { name: "of null as none", usage: null, out: null },
    { name: "with one count missing as none", usage: { prompt_tokens: 9 }, out: null },
  ])("is read $name", ({ usage: reported, out }) => {
    expect(read({ usage: reported })).toEqual(
      out === null ? null : { cacheWriteTokens: 0, ...out },
    );
  });

  it.each([
    {
      name: "in Anthropic's word, inside the input",
      usage: { prompt_tokens: 100, completion_tokens: 5, cache_creation_input_tokens: 60 },
      out: { inputTokens: 100, cachedTokens: 0, cacheWriteTokens: 60 },
    },
    {
      name: "in Anthropic's words, beside the input",
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        cache_creation_input_tokens: 60,
        cache_read_input_tokens: 30,
      },
      out: { inputTokens: 100, cachedTokens: 30, cacheWriteTokens: 60 },
    },
    {
      name: "outside the input by the total",
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 105,
        cache_creation_input_tokens: 60,
        cache_read_input_tokens: 30,
      },
      out: { inputTokens: 100, cachedTokens: 30, cacheWriteTokens: 60 },
    },
    {
      name: "in OpenRouter's word",
      usage: {
        prompt_tokens: 100,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 60 },
      },
      out: { inputTokens: 100, cachedTokens: 20, cacheWriteTokens: 60 },
    },
    {
      name: "in LiteLLM's word",
      usage: {
        prompt_tokens: 100,
        completion_tokens: 5,
        prompt_tokens_details: { cache_creation_tokens: 60 },
      },
      out: { inputTokens: 100, cachedTokens: 0, cacheWriteTokens: 60 },
    },
  ])("has what was written to a cache $name", ({ usage: reported, out }) => {
    expect(read({ usage: reported })).toEqual({ ...out, outputTokens: 5, reasoningTokens: 0 });
  });

  it("alone in a chunk is known from usage beside a choice", () => {
    const only = (fields: object): Chunk =>
      chunkOf(new AnswerReader().readEvent(JSON.stringify(fields)));
    expect(only({ choices: [], usage })).toMatchObject({ isUsageOnly: true, isReal: false });
    expect(only({ usage })).toMatchObject({ isUsageOnly: true });
    expect(only({ choices: [{ delta: { content: "a" } }], usage })).toMatchObject({
      isUsageOnly: false,
      isReal: true,
    });
    expect(only({ choices: [], usage: null })).toMatchObject({ isUsageOnly: false, isReal: false });
  });

  it("is the last that was reported", () => {
    const reader = new AnswerReader();
    for (const count of [1, 2, 3])
      reader.readEvent(
        JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: count } }),
      );
    expect(reader.usage?.outputTokens).toBe(3);
  });

  it("that never came is made up for by what was seen: chunks, or characters where chunks are long", () => {
    const tiny = new AnswerReader();
    readAll(
      ["a", "b", "c", "d", "e"].map((content) => say({ content })),
      tiny,
    );
    expect(tiny.seenTokens).toBe(5);
    const long = new AnswerReader();
    readAll([say({ reasoning_content: "r".repeat(40) }), say({ content: "a".repeat(400) })], long);
    expect(long.seenTokens).toBe(110);
    expect(long.seenReasoningTokens).toBe(10);
  });
});

describe("a chunk is real", () => {
  it.each([
    { name: "when it has text", data: say({ content: "a" }), isReal: true },
    { name: "when it thinks", data: say({ reasoning: "a" }), isReal: true },
    { name: "when it calls a tool", data: say({ tool_calls: [{ index: 0 }] }), isReal: true },
    { name: "when it ends", data: say({}, "length"), isReal: true },
    {
      name: "not when it only has a role",
      data: say({ role: "assistant", content: "" }),
      isReal: false,
    },
    {
      name: "not when a role comes with a running count",
      data: JSON.stringify({
        choices: [{ delta: { role: "assistant" } }],
        usage: { prompt_tokens: 1, completion_tokens: 0 },
      }),
      isReal: false,
    },
    {
      name: "not when it has no choice",
      data: '{"choices":[],"prompt_filter_results":[]}',
      isReal: false,
    },
  ])("$name", ({ data, isReal }) => {
    expect(chunkOf(new AnswerReader().readEvent(data)).isReal).toBe(isReal);
  });
});

describe("an answer is finished", () => {
  const finished = (events: readonly string[]): boolean => {
    const reader = new AnswerReader();
    for (const data of events) reader.readEvent(data);
    return reader.isFinished;
  };

  it("when its end was said, and not before", () => {
    expect(finished([])).toBe(false);
    expect(finished([say({ content: "a" })])).toBe(false);
    expect(finished([say({ content: "a" }), say({}, "stop")])).toBe(true);
  });

  it("only when every answer that began has ended", () => {
    const both = [say({ content: "a" }), say({ content: "b" }, null, 1), say({}, "stop")];
    expect(finished(both)).toBe(false);
    expect(finished([...both, say({}, "stop", 1)])).toBe(true);
  });

  it("or else leaves those open that began and did not end; the first when none began", () => {
    const open = (events: readonly string[]): readonly number[] => {
      const reader = new AnswerReader();
      for (const data of events) reader.readEvent(data);
      return reader.openAnswers;
    };
    const three = [0, 1, 2].map((index) => say({ content: "a" }, null, index));
    expect(open([])).toEqual([0]);
    expect(open([...three, say({}, "stop", 1)])).toEqual([0, 2]);
    expect(open([say({ content: "a" }), say({}, "stop")])).toEqual([]);
  });

  it("also when an empty chunk or usage follows the end", () => {
    expect(finished([say({}, "stop"), say({ content: "" }), '{"choices":[],"usage":null}'])).toBe(
      true,
    );
  });
});

describe("what is no chunk", () => {
  const kind = (data: string): string => new AnswerReader().readEvent(data).kind;

  it("is told apart", () => {
    expect(kind("[DONE]")).toBe("done");
    for (const data of ["", "null", "3", "[]", '"x"', "{", "ping"])
      expect(kind(data)).toBe("unreadable");
    expect(new AnswerReader().readBody('{"object":"list"}').kind).toBe("unreadable");
    expect(new AnswerReader().readBody("<html>").kind).toBe("unreadable");
  });

  it.each([
    {
      data: { error: { message: "M", type: "T", code: "C", param: "P" } },
      error: { message: "M", type: "T", code: "C", param: "P", status: null },
    },
    {
      data: { error: { message: "M", code: 429 } },
      error: { message: "M", type: null, code: null, param: null, status: 429 },
    },
    { data: { error: { message: "M", status: 503 } }, error: { message: "M", status: 503 } },
    { data: { error: "M" }, error: { message: "M", status: null } },
    { data: { error: {} }, error: { message: null } },
    { data: { error: [] }, error: { message: null } },
    {
      data: { object: "error", message: "M", type: "T", code: 400 },
      error: { message: "M", type: "T", status: 400 },
    },
    {
      // OpenRouter's, when a provider fails after it began.
      data: { choices: [{ finish_reason: "error", error: { message: "M", code: 502 } }] },
      error: { message: "M", status: 502 },
    },
    {
      data: {
        error: { message: "M", code: "server_error" },
        choices: [{ finish_reason: "error" }],
      },
      error: { message: "M", code: "server_error", status: null },
    },
  ])("is an error in $data, in a stream and in a whole answer of status 200", ({ data, error }) => {
    const text = JSON.stringify(data);
    expect(new AnswerReader().readEvent(text)).toMatchObject({ kind: "error", error });
    expect(new AnswerReader().readBody(text)).toMatchObject({ kind: "error", error });
  });

  it("is no error when the error is null", () => {
    expect(kind('{"error":null,"choices":[]}')).toBe("chunk");
    expect(kind('{"choices":[{"finish_reason":"stop","error":"M"}]}')).toBe("chunk");
  });
});

describe("an error's text", () => {
  it.each([
    { name: "OpenAI's shape", text: '{"error":{"message":"M"}}', message: "M" },
    { name: "FastAPI's detail", text: '{"detail":"M"}', message: "M" },
    {
      name: "FastAPI's list, without the input that it repeats",
      text: '{"detail":[{"loc":["body","n",0],"msg":"M","input":"a prompt"},{"msg":"N"},{},3]}',
      message: "body.n.0: M; N",
    },
    {
      name: "a list without sentences as none",
      text: '{"detail":[{"loc":["body"]}]}',
      message: null,
    },
    { name: "a bare message", text: '{"message":"M"}', message: "M" },
    { name: "Gemini's list of one", text: '[{"error":{"code":400,"message":"M"}}]', message: "M" },
    { name: "a list of anything else as none", text: '["M"]', message: null },
    {
      name: "an object of anything else as none",
      text: '{"trace":"/srv/serve.py"}',
      message: null,
    },
    {
      name: "text that is not JSON as none",
      text: "<html>Bad gateway at 10.0.0.7</html>",
      message: null,
    },
    { name: "a blank message as none", text: '{"error":{"message":" "}}', message: null },
    { name: "nothing as none", text: "", message: null },
  ])("is read from $name", ({ text, message }) => {
    expect(readErrorText(text).message).toBe(message);
  });

  it("is cut before it holds a whole prompt", () => {
    expect(readErrorText(JSON.stringify({ detail: "x".repeat(5000) })).message).toHaveLength(2003);
    expect(new AnswerReader().readEvent(JSON.stringify({ error: "x".repeat(5000) }))).toMatchObject(
      { error: { message: `${"x".repeat(2000)}...` } },
    );
  });

  it("has a type, a code and a param of the length that such words have", () => {
    const long = "T".repeat(60_000);
    const { type, code, param } = readErrorText(
      JSON.stringify({ error: { message: "M", type: long, code: long, param: long } }),
    );
    for (const word of [type, code, param]) expect(word).toHaveLength(131);
  });

  it("of any depth overflows nothing", () => {
    const nest = "[".repeat(30_000) + "]".repeat(30_000);
    expect(readErrorText(`{"detail":${nest}}`).message).toBeNull();
    expect(readErrorText(`{"error":${nest}}`).message).toBeNull();
  });
});
