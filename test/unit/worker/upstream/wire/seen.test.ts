// What was seen of an answer, in whatever fields its engine wrote it: all of it is billed, and so all of it counts.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AnswerReader } from "../../../../../worker/upstream/wire/read.ts";

function chunkOf(delta: object): string {
  return JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }] });
}

function streamed(deltas: readonly object[]) {
  const reader = new AnswerReader();
  const readings = deltas.map((delta) => reader.readEvent(chunkOf(delta)));
  return { reader, isReal: readings.map((one) => one.kind === "chunk" && one.isReal) };
}

function whole(message: object) {
  const reader = new AnswerReader();
  reader.readBody(JSON.stringify({ choices: [{ index: 0, message, finish_reason: "stop" }] }));
  return reader;
}

const WORDS = 50;
const LONG = "word ".repeat(400);
const EACH: readonly { field: string; of: (text: string) => object; isReal: boolean }[] = [
  { field: "content", of: (text) => ({ content: text }), isReal: true },
  {
    field: "content in parts",
    of: (text) => ({ content: [{ type: "text", text }] }),
    isReal: true,
  },
  {
    field: "thinking in parts",
    of: (text) => ({ content: [{ type: "thinking", thinking: [{ type: "text", text }] }] }),
    isReal: true,
  },
  {
    field: "parts that nobody knows",
    of: (text) => ({ content: [{ type: "reference", quote: text }] }),
    isReal: true,
  },
  { field: "refusal", of: (text) => ({ content: null, refusal: text }), isReal: true },
  {
    field: "function_call",
    of: (text) => ({ content: null, function_call: { arguments: text } }),
    isReal: true,
  },
  {
    field: "a function's call",
    of: (text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
    isReal: true,
  },
  {
    field: "a custom tool's call",
    of: (text) => ({ tool_calls: [{ index: 0, type: "custom", custom: { input: text } }] }),
    isReal: true,
  },
  {
    field: "what is spoken",
    of: (text) => ({ audio: { transcript: text, data: "x".repeat(4_000) } }),
    isReal: true,
  },
  {
    field: "reasoning_details",
    of: (text) => ({ content: "", reasoning_details: [{ type: "reasoning.text", text }] }),
    isReal: false,
  },
  {
    field: "a field of a later day",
    of: (text) => ({ of_a_later_day: { deep: [text] } }),
    isReal: false,
  },
];

describe.each(EACH)("$field", ({ of, isReal }) => {
  it("counts for at least a token a chunk", () => {
    const { reader, isReal: heard } = streamed(Array.from({ length: WORDS }, () => of("a")));
    expect(reader.seenTokens).toBe(WORDS);
    // What cannot be read may be an engine's talk of itself: until something can, another upstream may be tried.
    expect(heard).toEqual(Array.from({ length: WORDS }, () => isReal));
  });

  it("counts by its characters, in pieces or whole", () => {
    const tokens = LONG.length / 4;
    for (const { seenTokens } of [streamed([of(LONG)]).reader, whole(of(LONG))]) {
      expect(seenTokens).toBeGreaterThanOrEqual(tokens);
      expect(seenTokens).toBeLessThanOrEqual(tokens * 1.01);
    }
  });
});

describe("a chunk that says nothing", () => {
  it.each([
    { role: "assistant" },
    { role: "assistant", content: "" },
    { content: null, tool_calls: [], function_call: null },
    { content: [] },
    { audio: { id: "audio_1", expires_at: 5 } },
    { reasoning_details: [], annotations: [{ url: "https://example.com", title: "A title" }] },
  ])("counts for none: %j", (delta) => {
    const { reader, isReal } = streamed([delta]);
    expect(reader.seenTokens).toBe(0);
    expect(isReal).toEqual([false]);
  });
});

describe("what is no text", () => {
  it.each([
    { audio: { data: "x".repeat(100_000) } },
    {
      images: [
        { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(100_000)}` } },
      ],
    },
    { reasoning_details: [{ type: "reasoning.encrypted", data: "A".repeat(100_000) }] },
    { extra: "Qm9/".repeat(25_000) },
    { extra: { thought_signature: "A b".repeat(10_000), note: "." } },
  ])("is one token a chunk, however long", (delta) => {
    expect(streamed([delta, delta]).reader.seenTokens).toBe(2);
  });
});

describe("thinking that is told twice", () => {
  const twice = {
    reasoning: LONG,
    reasoning_content: LONG,
    reasoning_details: [{ type: "reasoning.text", text: LONG }],
    thinking_blocks: [{ type: "thinking", thinking: LONG, signature: LONG }],
  };

  it("counts once, as thinking, beside the text", () => {
    for (const reader of [
      streamed([{ content: LONG, ...twice }]).reader,
      whole({ content: LONG, ...twice }),
    ]) {
      expect(reader.seenTokens).toBe(LONG.length / 2);
      expect(reader.seenReasoningTokens).toBe(LONG.length / 4);
    }
  });
});

it("nesting of any depth is read", () => {
  const depth = 200_000;
  const nested = `${"[".repeat(depth)}"deep"${"]".repeat(depth)}`;
  const reader = new AnswerReader();
  reader.readEvent(`{"choices":[{"index":0,"delta":{"content":${nested},"extra":${nested}}}]}`);
  expect(reader.seenTokens).toBeGreaterThanOrEqual(1);
});

it("any delta with a letter in it counts, and any text at least by its length", () => {
  const name = fc.stringMatching(/^[b-hj-z]{3,8}$/);
  const text = fc.stringMatching(/^[a-z ,.]{1,80}$/);
  fc.assert(
    fc.property(fc.array(fc.record({ name, text }), { minLength: 1, maxLength: 30 }), (said) => {
      const { reader } = streamed(said.map((one) => ({ [one.name]: [{ of: one.text }] })));
      const chars = said.reduce((sum, one) => sum + one.text.length, 0);
      expect(reader.seenTokens).toBe(Math.max(said.length, Math.ceil(chars / 4)));
    }),
  );
});
