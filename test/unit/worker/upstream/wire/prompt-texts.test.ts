// What of a body is the prompt, in the order in which an engine reads it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { members } from "../../../../../worker/stream/json-text.ts";
import { answeredUnits, promptTexts } from "../../../../../worker/upstream/wire/prompt-texts.ts";

const message = (content: unknown, role = "user") => ({ role, content });

test("tools stand before the messages, wherever they stand in the body, byte for byte", () => {
  const body =
    '{"messages": [ {"role":"user",  "content":"Hi 1.0"} ,\n{"x":2}], "model":"m", "tools": [{"a" :1.0}]}';
  const texts = ['[{"a" :1.0}]', '{"role":"user",  "content":"Hi 1.0"}', '{"x":2}'];
  expect(promptTexts(body)).toEqual(texts);
  expect(promptTexts(body, members(body))).toEqual(texts);
});

test("what is no prompt is left out, so another cap or model leaves it as it is", () => {
  const one = JSON.stringify({ model: "a", max_tokens: 5, messages: [message("Hi")] });
  const two = JSON.stringify({ messages: [message("Hi")], stream: true, model: "b" });
  expect(promptTexts(one)).toEqual(promptTexts(two));
});

test("of a key that stands twice the last one counts, as for the engine", () => {
  expect(promptTexts('{"messages":[1],"m\\u0065ssages":[2]}')).toEqual(["2"]);
});

test.each(["{}", '{"messages":[]}', '{"messages":"none"}', '{"messages":null}'])(
  "%s has none",
  (body) => {
    expect(promptTexts(body)).toEqual([]);
  },
);

test("a conversation that goes on begins with what it was, for any messages", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.array(fc.jsonValue()), (before, after) => {
      const was = promptTexts(JSON.stringify({ messages: before }));
      const is = promptTexts(JSON.stringify({ messages: [...before, ...after], n: 1 }));
      expect(is.slice(0, was.length)).toEqual(was);
      expect(was).toEqual(before.map((one) => JSON.stringify(one)));
    }),
  );
});

describe("a picture", () => {
  const BASE64 = "iVBORw0KGgo/+".repeat(20_000);
  const unlike = (at: number) => `${BASE64.slice(0, at)}${"A9z".repeat(20_000)}`;
  const withPicture = (data: string) => [
    { type: "text", text: "What is this?" },
    { type: "image_url", image_url: { url: `data:image/png;base64,${data}` } },
    { type: "text", text: "Say it." },
  ];
  const textOf = (data: string) =>
    promptTexts(JSON.stringify({ messages: [message(withPicture(data))] })).join("");

  test("is thinned to about what its tokens are worth, and the text around it is kept", () => {
    const text = textOf(BASE64);
    expect(text.length).toBeLessThan(7000);
    expect(
      text.startsWith('{"role":"user","content":[{"type":"text","text":"What is this?"}'),
    ).toBe(true);
    expect(text.endsWith('"},{"type":"text","text":"Say it."}]}'.replace('"},', '"}},'))).toBe(
      true,
    );
    expect(textOf(BASE64)).toBe(text);
  });

  test("that is another one is still another text, by its length or by what is in it", () => {
    const texts = [BASE64, `${BASE64}A`, unlike(0), unlike(1000), unlike(BASE64.length / 2)].map(
      textOf,
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  test("with escaped slashes is one as well; long prose, and what is small, is left as it is", () => {
    const escaped = `{"messages":[{"url":"${BASE64.replaceAll("/", "\\/")}"}]}`;
    expect(promptTexts(escaped).join("").length).toBeLessThan(7000);
    for (const content of [
      "word ".repeat(10_000),
      BASE64.slice(0, 12_000),
      "\u00e9".repeat(40_000),
    ])
      expect(promptTexts(JSON.stringify({ messages: [message(content)] }))).toEqual([
        JSON.stringify(message(content)),
      ]);
  });
});

describe("what the last answer was given to", () => {
  const units = (messages: object[], fields: object = {}) =>
    answeredUnits(JSON.stringify({ messages, ...fields }));

  test("is all that stands before it, tools too, and nothing of what came after", () => {
    const [system, asked] = [message("Be brief.", "system"), message("What is 2 + 2?")];
    const [answer, more] = [message("4", "assistant"), message("And 3 + 3?")];
    const tools = [{ type: "function" }];
    const lengthOf = (...values: object[]) => JSON.stringify(values).length - 1 - values.length;
    expect(units([system, asked, answer, more])).toBe(lengthOf(system, asked));
    expect(units([system, asked, answer, more], { tools })).toBe(
      lengthOf(system, asked) + JSON.stringify(tools).length,
    );
    expect(units([system, asked, answer, more, answer, more])).toBe(
      lengthOf(system, asked, answer, more),
    );
  });

  test("is nothing known where nothing has answered, or no message is one", () => {
    expect(units([message("Hi")])).toBeNull();
    expect(
      answeredUnits('{"messages":[1,"assistant",{"role":"user","x":"assistant"}]}'),
    ).toBeNull();
    expect(answeredUnits("{}")).toBeNull();
  });
});
