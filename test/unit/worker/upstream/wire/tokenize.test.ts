// What an engine's tokenizer is asked, and what of its answer is believed.
import { describe, expect, it } from "vitest";
import {
  readTokens,
  tokenizeBody,
  tokenizeUrl,
} from "../../../../../worker/upstream/wire/tokenize.ts";

it("is asked beside /v1, wherever that stands", () => {
  expect(tokenizeUrl("http://10.0.0.1:8000/v1")).toBe("http://10.0.0.1:8000/tokenize");
  expect(tokenizeUrl("http://10.0.0.1:8000/v1/")).toBe("http://10.0.0.1:8000/tokenize");
  expect(tokenizeUrl("http://10.0.0.1/engine/v1")).toBe("http://10.0.0.1/engine/tokenize");
});

it("is told what the template renders, byte for byte, and nothing else", () => {
  const body =
    '{ "model":"m","messages":[{"role":"user","content":"\\u00e4 b"}],"stream":true,"cache_salt":"s","max_tokens":4,"tools":[ ],"chat_template_kwargs":{"enable_thinking":false}}';
  expect(tokenizeBody(body)).toBe(
    '{"model":"m","messages":[{"role":"user","content":"\\u00e4 b"}],"tools":[ ],"chat_template_kwargs":{"enable_thinking":false},"add_generation_prompt":true}',
  );
});

describe("an answer", () => {
  it("is a list of ids", () => {
    expect(readTokens('{"count":3,"max_model_len":8,"tokens":[1,2,151935]}')).toEqual([
      1, 2, 151935,
    ]);
    expect(readTokens('{"tokens":[]}')).toEqual([]);
  });

  it.each([
    "",
    "[1]",
    "null",
    "{}",
    '{"tokens":"1"}',
    '{"tokens":[1.5]}',
    '{"tokens":[-1]}',
    '{"tokens":[1,"2"]}',
    '{"tokens":[9007199254740993]}',
  ])("is nothing where it is %s", (text) => {
    expect(readTokens(text)).toBeNull();
  });
});
