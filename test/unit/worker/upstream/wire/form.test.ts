// Whether an answer has the form that was asked for, from its pieces.
import { expect, it } from "vitest";
import { AnswerReader } from "../../../../../worker/upstream/wire/read.ts";
import { AnswerForm } from "../../../../../worker/upstream/wire/form.ts";

function read(wantsJson: boolean, ...messages: readonly object[]): AnswerReader {
  const reader = new AnswerReader();
  reader.form = new AnswerForm(wantsJson);
  for (const delta of messages)
    reader.readEvent(JSON.stringify({ choices: [{ index: 0, delta }] }));
  reader.readEvent(JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }));
  return reader;
}

const call = (text: string, index = 0) => ({
  tool_calls: [{ index, function: { name: "f", arguments: text } }],
});

it.each([
  ["JSON in pieces", true, [{ content: '{"a":' }, { content: " 1}" }], true],
  [
    "JSON that was thought about before",
    true,
    [{ content: "<think>a { b</think>" }, { content: "[1]" }],
    true,
  ],
  ["JSON with words around it", true, [{ content: 'Here: {"a": 1}' }], false],
  ["JSON that breaks off", true, [{ content: '{"a": ' }], false],
  ["nothing where JSON was asked for", true, [], false],
  ["words where none was asked for", false, [{ content: "Yes." }], null],
  ["a tool call whose arguments come in pieces", false, [call('{"x":'), call("2}")], true],
  ["one without arguments", false, [call("")], true],
  ["two of which one is broken", false, [call("{}"), call("{x", 1)], false],
  ["more than is kept", true, [{ content: `"${"x".repeat(300_000)}"` }], null],
] as const)("%s", (_, wantsJson, messages, isValid) => {
  const reader = read(wantsJson, ...messages);
  expect(reader.form?.isValid).toBe(isValid);
  expect(reader.finishReason).toBe("stop");
});

it("only the first of several answers is judged", () => {
  const reader = read(true, { content: "1" });
  reader.readEvent(JSON.stringify({ choices: [{ index: 1, delta: { content: "no" } }] }));
  expect(reader.form?.isValid).toBe(true);
});
