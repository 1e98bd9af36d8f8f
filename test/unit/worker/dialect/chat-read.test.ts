// What a chat-completions body says to Sluice, and how each fault of one is named.
import { describe, expect, it } from "vitest";
import type { Ask } from "../../../../worker/dialect/dialect.ts";
import { chat } from "../../../../worker/dialect/chat.ts";

const MESSAGES = [{ role: "user", content: "Hello" }];

function readText(text: string): Ask {
  const read = chat.read(text);
  if (read.kind !== "read") throw new Error(`It was not read: ${JSON.stringify(read)}`);
  return read.ask;
}

function read(fields: object): Ask {
  return readText(JSON.stringify({ model: "auto", messages: MESSAGES, ...fields }));
}

describe("an ask", () => {
  it("carries the body as it was sent", () => {
    const body =
      '{ "model":"auto" ,"messages":[{"role":"user","content":"\\u0041"}],"temperature":1.0,"x":1e-7}';
    expect(readText(body).wire).toBe(body);
  });

  it("of the least body asks for one whole answer without bounds", () => {
    expect(read({})).toMatchObject({
      model: "auto",
      isStream: false,
      wantsUsage: false,
      outputTokensMax: null,
      answers: 1,
      effort: null,
      setsTemperature: false,
      setsThinking: false,
      isConstrained: false,
      hasTools: false,
      hasHistory: false,
      isToolResult: false,
      query: "Hello",
      unseenParts: 0,
    });
  });

  it.each<{ name: string; fields: object; ask: Partial<Ask> }>([
    { name: "max_tokens", fields: { max_tokens: 5 }, ask: { outputTokensMax: 5 } },
    {
      name: "max_completion_tokens",
      fields: { max_completion_tokens: 6 },
      ask: { outputTokensMax: 6 },
    },
    {
      name: "the larger of two bounds",
      fields: { max_tokens: 1, max_completion_tokens: 32000 },
      ask: { outputTokensMax: 32000 },
    },
    {
      name: "the larger of two bounds the other way",
      fields: { max_tokens: 32000, max_completion_tokens: 1 },
      ask: { outputTokensMax: 32000 },
    },
    {
      name: "bounds of null as none",
      fields: { max_tokens: null, max_completion_tokens: null },
      ask: { outputTokensMax: null },
    },
    { name: "n", fields: { n: 3 }, ask: { answers: 3 } },
    { name: "n of null as one", fields: { n: null }, ask: { answers: 1 } },
    { name: "stream", fields: { stream: true }, ask: { isStream: true } },
    { name: "stream of null as false", fields: { stream: null }, ask: { isStream: false } },
    {
      name: "include_usage",
      fields: { stream: true, stream_options: { include_usage: true } },
      ask: { wantsUsage: true },
    },
    {
      name: "include_usage of false",
      fields: { stream_options: { include_usage: false } },
      ask: { wantsUsage: false },
    },
    {
      name: "stream_options of null",
      fields: { stream_options: null },
      ask: { wantsUsage: false },
    },
    { name: "tools", fields: { tools: [{ type: "function" }] }, ask: { hasTools: true } },
    { name: "functions of old", fields: { functions: [{}] }, ask: { hasTools: true } },
    { name: "an empty list of tools as none", fields: { tools: [] }, ask: { hasTools: false } },
    { name: "a temperature of 0", fields: { temperature: 0 }, ask: { setsTemperature: true } },
    {
      name: "a temperature of null as none",
      fields: { temperature: null },
      ask: { setsTemperature: false },
    },
    {
      name: "a JSON schema",
      fields: { response_format: { type: "json_schema" } },
      ask: { isConstrained: true },
    },
    {
      name: "a form of text as free",
      fields: { response_format: { type: "text" } },
      ask: { isConstrained: false },
    },
    { name: "a grammar", fields: { guided_regex: "a+" }, ask: { isConstrained: true } },
    {
      name: "a template's switch",
      fields: { chat_template_kwargs: { enable_thinking: false } },
      ask: { setsThinking: true },
    },
    {
      name: "a thinking object",
      fields: { thinking: { type: "enabled" } },
      ask: { setsThinking: true },
    },
    {
      name: "a thinking field of null as unset",
      fields: { thinking: null },
      ask: { setsThinking: false },
    },
  ])("reads $name", ({ fields, ask }) => {
    expect(read(fields)).toMatchObject(ask);
  });

  it.each(["none", "minimal", "low", "medium", "high", "xhigh", "max", "of a later day"])(
    "reads the effort %s",
    (effort) => {
      expect(read({ reasoning_effort: effort }).effort).toBe(effort);
    },
  );

  it.each([
    { field: "logprobs", value: true },
    { field: "stop", value: ["a", "b"] },
    { field: "logit_bias", value: { "50256": -100 } },
    { field: "parallel_tool_calls", value: false },
    { field: "metadata", value: { a: "b" } },
    { field: "service_tier", value: "flex" },
    { field: "of_a_later_day", value: [1, { a: null }] },
  ])("takes $field without reading it", ({ field, value }) => {
    expect(read({ [field]: value })).toEqual({
      ...read({}),
      wire: expect.stringContaining(`"${field}"`) as string,
      wireMembers: expect.arrayContaining([]) as unknown,
    });
  });

  it("reads a key with escapes as the key that it is", () => {
    const ask = readText(
      String.raw`{"mod\u0065l":"auto","messages":[{"role":"user","content":"a"}],"max_t\u006fkens":7}`,
    );
    expect(ask).toMatchObject({ model: "auto", outputTokensMax: 7 });
  });
});

describe("a conversation", () => {
  it("asks what its last user turn says, in a string or in parts", () => {
    const parts = [
      { type: "text", text: "a" },
      { type: "image_url", image_url: { url: "https://x/y.png" } },
      { type: "text", text: "b" },
    ];
    expect(
      read({
        messages: [
          ...MESSAGES,
          { role: "assistant", content: "x" },
          { role: "user", content: parts },
        ],
      }),
    ).toMatchObject({
      query: "a\nb",
      unseenParts: 1,
      hasHistory: true,
      isToolResult: false,
    });
  });

  it("is a tool's turn only when a tool has the last word", () => {
    const tool = { role: "tool", tool_call_id: "c", content: "42" };
    expect(
      read({ messages: [...MESSAGES, { role: "assistant", content: null, tool_calls: [] }, tool] })
        .isToolResult,
    ).toBe(true);
    expect(read({ messages: [...MESSAGES, tool, ...MESSAGES] }).isToolResult).toBe(false);
  });

  it("is told from another by its system text and its first user turn, not by later ones", () => {
    const seed = (messages: object[]): string => read({ messages }).conversationSeed;
    const system = { role: "system", content: "S" };
    const first = seed([system, ...MESSAGES]);
    expect(
      seed([
        system,
        ...MESSAGES,
        { role: "assistant", content: "x" },
        { role: "user", content: "y" },
      ]),
    ).toBe(first);
    expect(seed([{ role: "system", content: "T" }, ...MESSAGES])).not.toBe(first);
    expect(seed([system, { role: "user", content: "Hi" }])).not.toBe(first);
  });
});

describe("a body that is not JSON", () => {
  it.each([
    { body: "", position: 0, detail: "it is empty" },
    { body: " \n", position: 0, detail: "it is empty" },
    { body: '{"model": auto}', position: 10, detail: 'unexpected "a"' },
    { body: '{"model":"auto",}', position: 16, detail: 'unexpected "}"' },
    { body: '{"model":"au\nto"}', position: 12, detail: String.raw`unexpected "\n"` },
    { body: '{"model":"auto"', position: 15, detail: "it ends too early" },
    { body: '{"a": position 3}', position: 6, detail: 'unexpected "p"' },
    { body: '{"a":\u{1f600}}', position: 5, detail: 'unexpected "\u{1f600}"' },
  ])("is refused with its place: $body", ({ body, position, detail }) => {
    expect(chat.read(body)).toEqual({ kind: "malformed-json", position, detail });
  });

  it("is not searched for its place beyond a mebibyte of characters", () => {
    const long = `{"a":"${"x".repeat(1024 * 1024)}"`;
    expect(chat.read(long)).toMatchObject({ kind: "malformed-json", position: null });
    expect(chat.read(long.slice(100))).toMatchObject({ position: 0 });
  });
});

describe("a fault", () => {
  const base = { model: "auto", messages: MESSAGES };

  it.each<{ field: string; body: unknown }>([
    { field: "body", body: [] },
    { field: "body", body: null },
    { field: "body", body: "text" },
    { field: "model", body: { messages: MESSAGES } },
    { field: "model", body: { ...base, model: "" } },
    { field: "model", body: { ...base, model: 3 } },
    { field: "messages", body: { model: "auto" } },
    { field: "messages", body: { ...base, messages: [] } },
    { field: "messages", body: { ...base, messages: "Hello" } },
    { field: "messages[0]", body: { ...base, messages: ["Hello"] } },
    { field: "messages[1].role", body: { ...base, messages: [...MESSAGES, { content: "x" }] } },
    {
      field: "messages[1].content",
      body: { ...base, messages: [...MESSAGES, { role: "user", content: 3 }] },
    },
    { field: "messages[0].content", body: { ...base, messages: [{ role: "user", content: [3] }] } },
    { field: "user", body: { ...base, user: 5 } },
    { field: "user", body: { ...base, user: { id: "ann" } } },
    { field: "max_tokens", body: { ...base, max_tokens: 0 } },
    { field: "max_tokens", body: { ...base, max_tokens: -1 } },
    { field: "max_tokens", body: { ...base, max_tokens: 1.5 } },
    { field: "max_tokens", body: { ...base, max_tokens: "5" } },
    { field: "max_tokens", body: { ...base, max_tokens: 10_000_001 } },
    { field: "max_completion_tokens", body: { ...base, max_completion_tokens: {} } },
    { field: "n", body: { ...base, n: 0 } },
    { field: "n", body: { ...base, n: 129 } },
    { field: "stream", body: { ...base, stream: "true" } },
    { field: "stream_options", body: { ...base, stream_options: [] } },
    { field: "reasoning_effort", body: { ...base, reasoning_effort: 3 } },
  ])("of $field names it", ({ field, body }) => {
    expect(chat.read(JSON.stringify(body))).toMatchObject({ kind: "invalid-field", field });
  });

  it.each([
    { body: '{"model":"a","model":"b","messages":[]}', field: "model" },
    { body: String.raw`{"model":"a","messages":[],"mod\u0065l":"b"}`, field: "model" },
    { body: '{"x":1,"model":"a","messages":[],"x":1}', field: "x" },
  ])("of a field that stands twice names it: $body", ({ body, field }) => {
    expect(chat.read(body)).toMatchObject({
      kind: "invalid-field",
      field,
      problem: expect.stringContaining("twice") as string,
    });
  });

  it("of an endless number is named, not passed on", () => {
    expect(
      chat.read('{"model":"a","messages":[{"role":"user"}],"max_tokens":1e999}'),
    ).toMatchObject({ field: "max_tokens" });
  });
});
