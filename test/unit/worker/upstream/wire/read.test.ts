// What upstreams say, in every spelling that they use for it, whole or piece by piece. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Delta } from "../../../../../worker/dialect/dialect.ts";
import { AnswerReader } from "../../../../../worker/upstream/wire/read.ts";
import { chunkOf, readAll, say } from "./a-reading.ts";

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
