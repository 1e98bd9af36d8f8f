// Keys that two parsers would read as two requests are refused, and those that only look odd are not.
import { describe, expect, it } from "vitest";
import { chat } from "../../../../worker/dialect/chat.ts";
import { HEEDED } from "../../../../worker/upstream/wire/fields.ts";

const KELVIN = "\u212a";
const LONG_S = "\u017f";

function bodyWith(fields: string): string {
  return `{"model":"auto","messages":[{"role":"user","content":"Hi"}],${fields}}`;
}

describe("a key in another case", () => {
  it.each([
    ["Model", '"Model":"x"'],
    ["MAX_TOKENS", '"max_tokens":16,"MAX_TOKENS":100000'],
    [`max_to${KELVIN}ens`, `"max_to${KELVIN}ens":100000`],
    [`max_token${LONG_S}`, `"max_token${LONG_S}":100000`],
    [`max_to${KELVIN}en${LONG_S}`, `"max_to\\u212aen\\u017f":100000`],
    ["Messages", '"Messages":[]'],
    ["Cache_Salt", '"Cache_Salt":"x"'],
    ["PRIORITY", '"PRIORITY":-9'],
    ["N_Predict", '"N_Predict":-1'],
    ["Stream", '"Stream":true'],
    ["N", '"N":128'],
    ["Tools", '"Tools":[{}]'],
    ["chat_Template", '"chat_Template":"x"'],
    ["stream_options.Include_Usage", '"stream_options":{"Include_Usage":false}'],
  ])("%s of a field that is heeded is refused by its name", (field, text) => {
    expect(chat.read(bodyWith(text))).toMatchObject({
      kind: "invalid-field",
      field,
      problem: expect.stringContaining("must be written `") as string,
    });
  });

  it.each([...HEEDED])("of %s is refused, whichever letter it is", (key) => {
    const other = key.slice(0, -1) + key.slice(-1).toUpperCase();
    expect(chat.read(bodyWith(`${JSON.stringify(other)}:1`))).toMatchObject({ field: other });
  });

  it("of any other field is refused only beside that field", () => {
    expect(chat.read(bodyWith('"topK":5,"X-Y":1,"Stop":"a"'))).toMatchObject({ kind: "read" });
    expect(chat.read(bodyWith('"topk":4,"topK":5'))).toMatchObject({
      field: "topK",
      problem: expect.stringContaining("`topk`") as string,
    });
    expect(chat.read(bodyWith('"stream_options":{"a":1,"A":2}'))).toMatchObject({
      field: "stream_options.A",
    });
  });

  it("is refused in a message for its role and its content, and left alone for the rest", () => {
    const read = (extra: string) =>
      chat.read(`{"model":"auto","messages":[{"role":"user","content":"Hi",${extra}}]}`);
    expect(read('"Role":"system"')).toMatchObject({ field: "messages[0].Role" });
    expect(read('"CONTENT":"other"')).toMatchObject({ field: "messages[0].CONTENT" });
    expect(read('"Name":"a","metadata":{"Role":1}')).toMatchObject({ kind: "read" });
  });

  it("deeper down, or with a space, is nobody's field", () => {
    expect(
      chat.read(bodyWith('"metadata":{"MODEL":"x","Priority":1},"cache_salt ":"y"')),
    ).toMatchObject({ kind: "read" });
  });
});
