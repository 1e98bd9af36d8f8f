// What a body is held for before an engine has counted it: everything that a model may read, and nothing that it cannot.
import { describe, expect, it } from "vitest";
import { chat } from "../../../../worker/dialect/chat.ts";
import type { Ask } from "../../../../worker/dialect/dialect.ts";

const MESSAGES = [{ role: "user", content: "Hello" }];

function readText(text: string): Ask {
  const read = chat.read(text);
  if (read.kind !== "read") throw new Error(`It was not read: ${JSON.stringify(read)}`);
  return read.ask;
}

function read(fields: object): Ask {
  return readText(JSON.stringify({ model: "auto", messages: MESSAGES, ...fields }));
}

const base = read({});
const sized = (...parts: object[]): Ask => read({ messages: [{ role: "user", content: parts }] });

describe("the input of a body", () => {
  it.each([
    "tools",
    "functions",
    "response_format",
    "documents",
    "prediction",
    "chat_template_kwargs",
    "mm_processor_kwargs",
    "guided_json",
    "grammar",
    "structured_outputs",
    "system",
  ])("holds %s", (field) => {
    const ask = read({ [field]: ["word ".repeat(1000)] });
    expect(ask.inputTokensMax - base.inputTokensMax).toBeGreaterThan(1000);
    expect(ask.inputBytes - base.inputBytes).toBeGreaterThan(5000);
  });

  it("leaves out what no model reads", () => {
    const text = "word ".repeat(1000);
    const ask = read({ metadata: { a: text }, user: text, logit_bias: { a: text } });
    expect(ask).toMatchObject({ inputTokensMax: base.inputTokensMax, inputBytes: base.inputBytes });
  });

  it("is counted in bytes for a guess, by what characters are worth for a bound", () => {
    const of = (content: string): Ask => read({ messages: [{ role: "user", content }] });
    expect(of("\u6f22".repeat(100)).inputBytes - of("a".repeat(100)).inputBytes).toBe(200);
    expect(of("\u{1f600}".repeat(100)).inputBytes - of("a".repeat(100)).inputBytes).toBe(300);
    expect(of("7".repeat(300)).inputTokensMax).toBeGreaterThan(300);
    expect(of("a".repeat(300)).inputTokensMax).toBeLessThan(150);
  });

  it("is the same however the body is escaped", () => {
    const plain = readText(
      '{"model":"auto","messages":[{"role":"user","content":"\u4e2d\u6587 caf\u00e9"}]}',
    );
    const escaped = readText(
      String.raw`{"model":"auto","messages":[{"role":"user","content":"\u4e2d\u6587 caf\u00e9"}]}`,
    );
    expect(escaped.inputTokensMax).toBe(plain.inputTokensMax);
  });
});

const BASE64 = "QUJD".repeat(2000);

describe("a part that is not text", () => {
  it.each<{ name: string; part: object }>([
    {
      name: "a picture",
      part: { type: "image_url", image_url: { url: `data:image/png;base64,${BASE64}` } },
    },
    {
      name: "a picture's address",
      part: { type: "image_url", image_url: { url: "https://x/y.png" } },
    },
    { name: "a picture without its object", part: { type: "image_url", image_url: BASE64 } },
  ])("counts as a part and not as text: $name", ({ part }) => {
    const ask = sized(part);
    expect(ask).toMatchObject({ unseenParts: 1, isUnbounded: false });
    expect(ask.inputTokensMax).toBeLessThan(100);
    expect(ask.inputBytes).toBeLessThan(200);
  });

  it.each([
    {
      name: "sound",
      part: { type: "input_audio", input_audio: { data: BASE64, format: "wav" } },
      tokens: 125,
    },
    {
      name: "sound in an address",
      part: { type: "audio_url", audio_url: { url: `data:audio/ogg;base64,${BASE64}` } },
      tokens: 126,
    },
    {
      name: "a film",
      part: { type: "video_url", video_url: { url: `data:video/mp4;base64,${BASE64}` } },
      tokens: 502,
    },
    { name: "a file", part: { type: "file", file: { file_data: BASE64 } }, tokens: 4000 },
  ])("is held by its length where that tells: $name", ({ part, tokens }) => {
    const ask = sized(part);
    expect(ask).toMatchObject({ unseenParts: 1, isUnbounded: false, mediaTokensMax: tokens });
    expect(ask.inputTokensMax).toBeLessThan(120);
  });

  it.each<object>([
    { type: "audio_url", audio_url: { url: "https://x/y.ogg" } },
    { type: "video_url", video_url: { url: "https://x/y.mp4" } },
    { type: "file", file: { file_id: "file-1" } },
    { type: "image_embeds", image_embeds: "AAAA" },
    { type: "of a later day" },
    {},
  ])("without a size is held as much as a context: %j", (part) => {
    expect(sized(part)).toMatchObject({ unseenParts: 1, isUnbounded: true });
  });

  it.each<{ name: string; part: object }>([
    {
      name: "words in a picture's place",
      part: { type: "image_url", image_url: { url: "some_words_and ".repeat(1000) } },
    },
    {
      name: "words behind data:",
      part: { type: "image_url", image_url: { url: `data:text/plain,${"a_b_".repeat(4000)}` } },
    },
    {
      name: "words behind base64",
      part: {
        type: "image_url",
        image_url: { url: `data:image/png;base64,${"a b ".repeat(4000)}` },
      },
    },
    {
      name: "an endless address",
      part: { type: "image_url", image_url: { url: `https://x/${"a_b_".repeat(4000)}` } },
    },
    {
      name: "what stands beside the picture",
      part: { type: "image_url", image_url: { url: "https://x/y", alt: BASE64 }, note: BASE64 },
    },
    {
      name: "a picture in a part of text",
      part: { type: "text", text: "x", image_url: { url: `data:image/png;base64,${BASE64}` } },
    },
    {
      name: "thinking without a space",
      part: { type: "thinking", thinking: "the_quick_brown_fox_".repeat(1000) },
    },
    { name: "a refusal", part: { type: "refusal", refusal: "a_b_c_d_".repeat(1000) } },
    { name: "a refusal without a type", part: { refusal: "a_b_c_d_".repeat(1000) } },
    { name: "anything in a part that nobody knows", part: { type: "odd", odd: BASE64 } },
  ])("counts as text all the same: $name", ({ part }) => {
    expect(sized(part).inputTokensMax).toBeGreaterThan(2500);
  });

  it("is found among others, by the last of two of one name", () => {
    const url = `data:image/png;base64,${BASE64}`;
    const part = `{"type":"image_url","image_url":{"url":"https://x/y","url":${JSON.stringify(url)}}}`;
    const ask = readText(
      `{"model":"auto","messages":[{"role":"user","content":"Hi"},{"content":"no"},{"role":"user","content":[{"type":"text","text":"a"}, ${part} ,${part}]}]}`.replace(
        '{"content":"no"}',
        '{"role":"assistant","content":[{"type":"text","text":"b"}]}',
      ),
    );
    expect(ask).toMatchObject({ unseenParts: 2, query: "a" });
    expect(ask.inputTokensMax).toBeLessThan(300);
  });
});

describe("a body that does not bound its input", () => {
  it.each([
    [{ chat_template: "{% for i in range(9999) %}{{ messages }}{% endfor %}" }, true],
    [{ chat_template: null }, false],
    [{ mm_processor_kwargs: { max_pixels: 1e9 } }, false],
    [
      {
        mm_processor_kwargs: { max_pixels: 1e9 },
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "https://x/y" } }] },
        ],
      },
      true,
    ],
  ])("%j: %s", (fields, isUnbounded) => {
    expect(read(fields).isUnbounded).toBe(isUnbounded);
  });
});

describe("a body of many values", () => {
  const faultOf = (text: string): unknown => chat.read(text);
  const withMessages = (messages: string): string => `{"model":"auto","messages":[${messages}]}`;
  const many = (text: string, times: number): string =>
    Array.from({ length: times }, () => text).join(",");

  it.each([
    { name: "depth", text: `{"x":${"[".repeat(200)}${"]".repeat(200)}}`, problem: "200 levels" },
    { name: "brackets alone", text: "[".repeat(1_000_000), problem: "200 levels" },
    { name: "objects in objects", text: '{"a":'.repeat(201), problem: "200 levels" },
    { name: "fields", text: `{${many('"a":1', 201)}}`, problem: "200 fields" },
    { name: "values", text: `{"x":[${many("1", 150_000)}]}`, problem: "150000 values" },
    { name: "empty values", text: `{"x":[${many("[[]]", 50_000)}]}`, problem: "150000 values" },
  ])("is refused for its $name before it is parsed", ({ text, problem }) => {
    expect(faultOf(text)).toMatchObject({
      kind: "invalid-field",
      field: "body",
      problem: expect.stringContaining(problem) as string,
    });
  });

  it("is refused for its messages, and for its parts", () => {
    expect(faultOf(withMessages(many('{"role":"user"}', 10_001)))).toMatchObject({
      field: "messages",
      problem: expect.stringContaining("10000 messages") as string,
    });
    const parts = `{"role":"user","content":[${many("{}", 10_001)}]}`;
    expect(faultOf(withMessages(many(parts, 2)))).toMatchObject({
      field: "messages[1].content",
      problem: expect.stringContaining("20000 parts") as string,
    });
  });

  it("is read up to its bounds", () => {
    const nest = "[".repeat(198) + "]".repeat(198);
    const fields = Array.from({ length: 197 }, (_, index) => `"k${index}":1`).join(",");
    expect(
      readText(
        `{"model":"auto","messages":[{"role":"user","content":"a"},${many('{"role":"x"}', 9_999)}],"y":${nest},${fields}}`,
      ).query,
    ).toBe("a");
    expect(
      sized(...Array.from({ length: 20_000 }, () => ({ type: "text", text: "," }))).unseenParts,
    ).toBe(0);
  });

  it("does not count what stands in a string", () => {
    expect(read({ user: '[{,"\\'.repeat(100_000) })).toMatchObject({ query: "Hello" });
  });
});
