// What upstreams say that an answer used, in every spelling, and what is made of what cannot be.
import { describe, expect, it } from "vitest";
import { AnswerReader } from "../../../../../worker/upstream/wire/read.ts";
import { chunkOf, readAll, say, type Chunk } from "./a-reading.ts";

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
