// What upstreams send in the place of an answer: words that are no chunk, and errors in every form.
import { describe, expect, it } from "vitest";
import { readErrorText } from "../../../../../worker/upstream/wire/read-error.ts";
import { AnswerReader } from "../../../../../worker/upstream/wire/read.ts";

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
