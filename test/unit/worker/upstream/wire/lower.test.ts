// Lowering what a client's fields ask for in thinking: nothing stays above the bound wherever it stands, and the client's
// own data stays as it was written.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lowerThinking, type Bound } from "../../../../../worker/upstream/wire/lower.ts";
import { leaves } from "../a-ceiling.ts";

describe("lowering any fields", () => {
  const BOUND: Bound = { tokens: 100, efforts: ["none", "low"], effort: "low", stops: false };
  const key = fc.constantFrom(
    "thinking",
    "Reasoning",
    "budget_tokens",
    "effort",
    "a",
    "max_tokens",
    "reasoning_effort",
    "chat_template_kwargs",
    "thinkingLevel",
    "seed",
    "google",
    "messages",
    "responseSchema",
  );
  const leaf = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom("high", "LOW", "none", "auto", "99", "1e9", "-5", "words", "enabled"),
  );
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      leaf,
      tie("object"),
      fc.array(tie("value"), { maxLength: 3 }),
    ),
    object: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  })).object;
  const standing = (fields: object) =>
    new Map(Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]));

  /** Something on the way to the leaf is, and it does not stand in the client's own data. */
  const isAboutThinking = (path: string) => {
    const names = path.split(".");
    const named = names.findIndex((name) => /think|reason|effort|budget/i.test(name));
    const data = names.findIndex((name) => name === "messages" || name === "responseSchema");
    return named !== -1 && (data === -1 || named < data);
  };

  it("leaves nothing above the bound, touches nothing else, and has nothing left to do", () => {
    fc.assert(
      fc.property(tree, (fields) => {
        const before = standing(fields as object);
        const { fields: lowered, changes } = lowerThinking(before, BOUND);
        const after = new Map([...before, ...Object.entries(lowered)]);
        expect(Object.keys(lowered).length > 0).toBe(changes.length > 0);
        expect(lowerThinking(after, BOUND).changes).toEqual([]);
        const shape = (text: string) =>
          JSON.stringify(JSON.parse(text), (_, value: unknown) =>
            typeof value === "object" && value !== null ? value : 0,
          );
        for (const [name, text] of after) {
          expect(shape(text)).toBe(shape(before.get(name) ?? ""));
          const was = leaves(JSON.parse(before.get(name) ?? ""), name, true);
          for (const [index, [path, value]] of leaves(JSON.parse(text), name, true).entries()) {
            if (!isAboutThinking(path)) expect(value, path).toBe(was[index]?.[1]);
            else if (typeof value === "number") expect(value >= 0 && value <= 100, path).toBe(true);
            else expect(["high", "1e9", "-5"], path).not.toContain(value);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  const lower = (fields: object) => {
    const { fields: lowered } = lowerThinking(standing(fields), BOUND);
    return Object.fromEntries(
      Object.entries(lowered).map(([name, text]) => [name, JSON.parse(text) as unknown]),
    );
  };

  it.each([
    [
      { chat_template_args: { thinking_budget: 900 } },
      { chat_template_args: { thinking_budget: 100 } },
    ],
    [{ extra: [1, [{ reasoning_effort: "high" }]] }, { extra: [1, [{ reasoning_effort: "low" }]] }],
    [
      { a: { b: { c: [{ d: { Budget: [7, 900] } }] } } },
      { a: { b: { c: [{ d: { Budget: [7, 100] } }] } } },
    ],
    [{ a: { messages: {}, think: "900" } }, { a: { messages: {}, think: "100" } }],
  ])("reaches into a bag that nobody knows: %j", (fields, expected) => {
    expect(lower(fields)).toEqual(expected);
  });

  it("reads a name that is spelled with escapes, and white space anywhere", () => {
    const text = `{ "a" : [ 1 , { "\\u0074hink_tokens" :\t900 } ,true ] }`;
    expect(lowerThinking(new Map([["x", text]]), BOUND).fields).toEqual({
      x: text.replace("900", "100"),
    });
  });

  it("lowers each of two members of one name, because an engine may take either", () => {
    const text = '{"think":900,"think":800,"thinks":7}';
    expect(lowerThinking(new Map([["x", text]]), BOUND).fields).toEqual({
      x: '{"think":100,"think":100,"thinks":7}',
    });
  });

  it.each([
    { messages: [{ role: "user", content: "x", reasoning_effort: "high" }] },
    { tools: [{ function: { parameters: { properties: { budget: { maximum: 900 } } } } }] },
    {
      response_format: { json_schema: { schema: { properties: { effort: { default: "high" } } } } },
    },
    { metadata: { budget: 900 } },
    { guided_json: { properties: { reasoning: { maxLength: 900 } } } },
    { generation_config: { responseSchema: { properties: { reasoning: { maxLength: 900 } } } } },
    { chat_template_kwargs: { documents: [{ budget: 900 }], tools: [{ effort: "high" }] } },
  ])("leaves the client's data as it is: %j", (fields) => {
    expect(lower(fields)).toEqual({});
  });

  it("takes nothing for data that stands under a name that is about thinking", () => {
    expect(lower({ thinking: { metadata: { tokens: 900 } } })).toEqual({
      thinking: { metadata: { tokens: 100 } },
    });
  });

  it("looks as deep as a body may go", () => {
    const deep = (inner: unknown) =>
      Array.from({ length: 200 }).reduce<unknown>((value) => ({ a: [value] }), inner);
    expect(lower({ x: deep({ budget: 900 }) })).toEqual({ x: deep({ budget: 100 }) });
  });
});
