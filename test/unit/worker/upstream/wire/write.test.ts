// The body that goes out is the body that came in, changed only where it must be. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { STRIPPED } from "../../../../../worker/upstream/wire/fields.ts";
import { writeWire, type WireOrder } from "../../../../../worker/upstream/wire/write.ts";
import { fuzzOrder } from "../../fuzz-bodies.ts";
import { chanceFrom } from "../../fuzz-chance.ts";
import { bodyProblem, PRIVILEGED, wireProblem } from "../../wire-promises.ts";

const ORDER: WireOrder = {
  model: "m",
  isStream: false,
  asksUsage: false,
  outputTokens: 1000,
  capField: "max_completion_tokens",
  fields: {},
  notes: [],
  turnNotes: [],
  isSteady: false,
};
const NOTE = { ...ORDER, notes: ["Be brief."] };

function bodyWith(fields: string): string {
  return `{"model":"m","messages":[{"role":"user","content":"Hi"}],${fields}}`;
}

/** JSON as text that JSON.stringify would never write. */
const rawNumber = fc.constantFrom(
  "1.0",
  "1e-7",
  "12345678901234567890",
  "-0",
  "0.10",
  "1E+2",
  "-1.5e-3",
);
const rawString = fc
  .string({ unit: "binary" })
  .map((text) =>
    JSON.stringify(text).replaceAll(/[A-C]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`),
  );
const { value: rawValue } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    rawNumber,
    rawString,
    fc.constantFrom("true", "false", "null", "{}", "[ ]"),
    fc.array(tie("value"), { maxLength: 3 }).map((items) => `[ ${items.join(" ,\n")}]`),
    fc
      .array(tie("value"), { maxLength: 3 })
      .map((items) => `{${items.map((item) => `"k" :${item}`).join(",")} }`),
  ),
}));
const unknownField = fc.tuple(
  fc.constantFrom("user", "stop", "logit_bias", "metadata", "x", "__proto__", "\\u0061", "seed"),
  rawValue,
);
const privileged = fc
  .constantFrom(...PRIVILEGED, "cache_s\\u0061lt", "prior\\u0069ty")
  .chain((key) => fc.tuple(fc.constant(key), rawValue));
const cap = fc
  .constantFrom("max_tokens", "max_completion_tokens")
  .chain((key) =>
    fc.tuple(fc.constant(key), fc.constantFrom("1", "999", "1e3", "1001", "1000000", "null")),
  );
const messages = fc
  .array(
    fc.tuple(
      fc.constantFrom("system", "user", "assistant", "tool"),
      fc.oneof(
        rawString,
        rawString.map((text) => `[{"type":"text","text":${text}} ]`),
        fc.constantFrom("[]", "null"),
      ),
      rawValue,
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map(
    (turns) =>
      `[ ${turns.map(([role, content, extra]) => `{"x":${extra},"role" : "${role}","content": ${content}}`).join(", ")}]`,
  );
const body = fc
  .tuple(
    messages,
    fc.uniqueArray(fc.oneof(unknownField, privileged, cap), {
      selector: ([key]) => JSON.parse(`"${key}"`) as string,
      maxLength: 8,
    }),
    fc.nat(),
  )
  .map(([turns, fields, place]) => {
    const texts = fields.map(([key, value]) => `"${key}" : ${value}`);
    texts.splice(place % (texts.length + 1), 0, '"model":"auto"');
    texts.splice(place % (texts.length + 1), 0, `"messages":${turns}`);
    return `{ ${texts.join(" , ")} }`;
  });

describe("any body", () => {
  it("goes out changed only where it must be", () => {
    fc.assert(
      fc.property(body, fc.nat(), (text, seed) => {
        const order = fuzzOrder(chanceFrom(seed));
        expect(wireProblem(text, writeWire(text, order), order)).toBeNull();
        expect(bodyProblem(text, order)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it("that needs no change goes out byte for byte", () => {
    const text =
      ' {"messages":[ {"role":"user","content":"caf\\u00e9"}],"model":"m","max_completion_tokens":10,"seed":12345678901234567890,"x":[1.0,-0]} \n';
    expect(writeWire(text, ORDER)).toBe(text);
  });

  it("keeps its bytes up to the end of the last user turn, apart from the fields that stand before it", () => {
    const before =
      '{"messages":[{"role":"system","content":"S"},{"role":"user","content":"Question';
    const text = `${before}"},{"role":"assistant","content":"x"}],"model":"auto","stream":false}`;
    const out = writeWire(text, {
      ...NOTE,
      isStream: true,
      asksUsage: true,
      fields: { cache_salt: '"s"' },
    });
    expect(out.startsWith(before)).toBe(true);
  });
});

describe("privileged fields", () => {
  it.each([...PRIVILEGED, "cache_s\\u0061lt", "\\u0070riority"])("lose %s", (key) => {
    const out = writeWire(bodyWith(`"${key}":{"a":[1]},"x":1.0`), ORDER);
    expect(out).toBe(
      '{"model":"m","messages":[{"role":"user","content":"Hi"}],"x":1.0,"max_completion_tokens":1000}',
    );
  });

  it("are those of this list and no other", () => {
    expect([...STRIPPED].toSorted()).toEqual(PRIVILEGED.toSorted());
  });

  it.each([
    "store",
    "service_tier",
    "web_search_options",
    "prediction",
    "logit_bias",
    "user",
    "seed",
  ])("do not include %s, which OpenAI defines", (key) => {
    const text = bodyWith(`"${key}":{"a":[1.0]},"max_completion_tokens":1`);
    expect(writeWire(text, ORDER)).toBe(text);
  });

  it("are left where they only share a name with one", () => {
    expect(writeWire(bodyWith('"metadata":{"priority":"1"}'), ORDER)).toContain(
      '"metadata":{"priority":"1"}',
    );
  });

  it("leave thinking to be seen: `reasoning` loses its exclusion and nothing else", () => {
    const sent = (reasoning: string): string =>
      writeWire(bodyWith(`"reasoning":${reasoning},"max_completion_tokens":1`), ORDER);
    expect(sent('{"effort":"low", "exclude":true}')).toContain('"reasoning":{"effort":"low"},');
    expect(sent('{ "max_tokens":1.0}')).toContain('"reasoning":{ "max_tokens":1.0},');
    expect(sent("null")).toContain('"reasoning":null,');
  });

  it("are the gateway's own when it sets them", () => {
    expect(
      writeWire(bodyWith('"cache_salt":"theirs"'), { ...ORDER, fields: { cache_salt: '"ours"' } }),
    ).not.toContain("theirs");
  });
});

describe("caps", () => {
  it.each([
    {
      name: "a higher one is lowered",
      fields: '"max_completion_tokens":5000',
      out: '"max_completion_tokens":1000',
    },
    {
      name: "a lower one stays as it was written",
      fields: '"max_completion_tokens":1e2',
      out: '"max_completion_tokens":1e2',
    },
    {
      name: "an equal one stays as it was written",
      fields: '"max_completion_tokens":1000.0',
      out: '"max_completion_tokens":1000.0',
    },
    {
      name: "each is lowered by itself",
      fields: '"max_tokens":1,"max_completion_tokens":32000',
      out: '"max_tokens":1,"max_completion_tokens":1000',
    },
    {
      name: "the engine's own is added to one of the other name, which it may not read",
      fields: '"max_tokens":5',
      out: '"max_tokens":5,"max_completion_tokens":1000',
    },
    {
      name: "a higher one of the other name is lowered beside it",
      fields: '"max_tokens":5000',
      out: '"max_tokens":1000,"max_completion_tokens":1000',
    },
    {
      name: "the engine's own is added where there is none",
      fields: '"x":1',
      out: '"x":1,"max_completion_tokens":1000',
    },
    {
      name: "null is none",
      fields: '"max_completion_tokens":null',
      out: '"max_completion_tokens":1000',
    },
  ])("$name", ({ fields, out }) => {
    expect(writeWire(bodyWith(fields), ORDER)).toBe(bodyWith(out));
  });

  it.each([
    "n_predict",
    "num_predict",
    "max_new_tokens",
    "max_output_tokens",
    "max_gen_len",
    "max_tokens_to_sample",
  ])("of the name %s, which some engines prefer, hold no more than was held", (name) => {
    const sent = (value: string): string =>
      writeWire(bodyWith(`"${name}":${value},"max_completion_tokens":1`), ORDER);
    for (const endless of ["-1", "0", "1001", "1e400", '"5"', "null", "[5]", "true"])
      expect(sent(endless)).toBe(bodyWith(`"${name}":1000,"max_completion_tokens":1`));
    expect(sent("1e2")).toBe(bodyWith(`"${name}":1e2,"max_completion_tokens":1`));
  });
});

describe("an engine that reads one cap alone", () => {
  it.each([
    { given: '"max_tokens":10', field: "max_completion_tokens", out: '"max_completion_tokens":7' },
    {
      given: '"max_completion_tokens":7',
      field: "max_completion_tokens",
      out: '"max_completion_tokens":7',
    },
    { given: '"max_completion_tokens":10', field: "max_tokens", out: '"max_tokens":7' },
    {
      given: '"max_tokens":10,"max_completion_tokens":9',
      field: "max_tokens",
      out: '"max_tokens":7',
    },
    { given: '"max_tokens":null', field: "max_tokens", out: '"max_tokens":7' },
    { given: '"x":1', field: "max_tokens", out: '"x":1,"max_tokens":7' },
  ] as const)("gets $out for $given", ({ given, field, out }) => {
    const order: WireOrder = { ...ORDER, outputTokens: 7, capField: field, isSoleCapField: true };
    expect(writeWire(bodyWith(given), order)).toBe(bodyWith(out));
  });
});

it("leaves out what an engine must not get, however its key is written", () => {
  const order: WireOrder = { ...ORDER, drops: ["temperature"], fields: { x: "2" } };
  expect(
    writeWire(bodyWith('"max_completion_tokens":5,"temp\\u0065rature":0.2,"x":1'), order),
  ).toBe(bodyWith('"max_completion_tokens":5,"x":2'));
});

describe("streaming", () => {
  const streamed = { ...ORDER, isStream: true, asksUsage: true };

  it.each([
    {
      name: "usage is asked for",
      fields: '"max_completion_tokens":1,"stream":true',
      order: streamed,
      out: '"max_completion_tokens":1,"stream":true,"stream_options":{"include_usage":true}',
    },
    {
      name: "usage is not asked for twice",
      fields: '"max_completion_tokens":1,"stream":true,"stream_options":{ "include_usage":true }',
      order: streamed,
      out: '"max_completion_tokens":1,"stream":true,"stream_options":{ "include_usage":true }',
    },
    {
      name: "other options stay",
      fields:
        '"max_completion_tokens":1,"stream":true,"stream_options":{"x":1.0, "include_usage":false}',
      order: streamed,
      out: '"max_completion_tokens":1,"stream":true,"stream_options":{"x":1.0, "include_usage":true}',
    },
    {
      name: "options of null are replaced",
      fields: '"max_completion_tokens":1,"stream":true,"stream_options":null',
      order: streamed,
      out: '"max_completion_tokens":1,"stream":true,"stream_options":{"include_usage":true}',
    },
    {
      name: "nothing is asked of an upstream that cannot",
      fields: '"max_completion_tokens":1,"stream":true',
      order: { ...streamed, asksUsage: false },
      out: '"max_completion_tokens":1,"stream":true',
    },
    {
      name: "a call that must not stream loses its options",
      fields: '"max_completion_tokens":1,"stream":true,"stream_options":{"include_usage":true}',
      order: ORDER,
      out: '"max_completion_tokens":1,"stream":false',
    },
  ])("$name", ({ fields, order, out }) => {
    expect(writeWire(bodyWith(fields), order)).toBe(bodyWith(out));
  });
});

describe("notes", () => {
  const turns = (text: string): string =>
    `{"model":"m","max_completion_tokens":1,"messages":[${text}]}`;

  it("stand behind every user turn while the conversation stays on its arm, the turn's own last", () => {
    const order = { ...ORDER, turnNotes: ["Be brief."], notes: ["Outline"], isSteady: true };
    const before = turns(
      '{"role":"user","content":"A"},{"role":"assistant","content":"B"},{"role":"user","content":"C"}',
    );
    expect(writeWire(before, order)).toBe(
      turns(
        '{"role":"user","content":"A\\n\\nBe brief."},{"role":"assistant","content":"B"},{"role":"user","content":"C\\n\\nBe brief.\\n\\nOutline"}',
      ),
    );
  });

  it("make what one turn sent the beginning of what the next sends", () => {
    const order = { ...ORDER, turnNotes: ["Be brief."] };
    const first = '{"role":"user","content":"A"}';
    const sent = writeWire(turns(first), order);
    const next = writeWire(
      turns(`${first},{"role":"assistant","content":"B"},{"role":"user","content":"C"}`),
      { ...order, isSteady: true },
    );
    expect(next.startsWith(sent.slice(0, sent.lastIndexOf("]")))).toBe(true);
  });

  it("stand behind the last user turn alone where the arm has changed", () => {
    const order = { ...ORDER, turnNotes: ["Be brief."] };
    const before = turns('{"role":"user","content":"A"},{"role":"user","content":"C"}');
    expect(writeWire(before, order)).toContain('"content":"A"}');
  });

  it.each([
    {
      name: "a string",
      before: '{"role":"user","content":"Hi"}',
      after: '{"role":"user","content":"Hi\\n\\nBe brief."}',
    },
    {
      name: "an empty string",
      before: '{"role":"user","content":""}',
      after: '{"role":"user","content":"\\n\\nBe brief."}',
    },
    {
      name: "a string that ends in an escape",
      before: String.raw`{"role":"user","content":"a\\"}`,
      after: String.raw`{"role":"user","content":"a\\\n\nBe brief."}`,
    },
    {
      name: "parts",
      before: '{"role":"user","content":[{"type":"text","text":"Hi"} ]}',
      after:
        '{"role":"user","content":[{"type":"text","text":"Hi"} ,{"type":"text","text":"Be brief."}]}',
    },
    {
      name: "no parts",
      before: '{"role":"user","content":[]}',
      after: '{"role":"user","content":[{"type":"text","text":"Be brief."}]}',
    },
    {
      name: "escaped keys and roles",
      before: String.raw`{"r\u006fle":"us\u0065r","content":"Hi"}`,
      after: String.raw`{"r\u006fle":"us\u0065r","content":"Hi\n\nBe brief."}`,
    },
    {
      name: "the last of a pair of contents",
      before: '{"role":"user","content":"A","content":"B"}',
      after: '{"role":"user","content":"A","content":"B\\n\\nBe brief."}',
    },
    {
      name: "the last user turn only",
      before:
        '{"role":"user","content":"A"},{"role":"user","content":"B"},{"role":"tool","content":"C"}',
      after:
        '{"role":"user","content":"A"},{"role":"user","content":"B\\n\\nBe brief."},{"role":"tool","content":"C"}',
    },
    {
      name: "no turn whose last role is another",
      before: '{"role":"user","content":"A"},{"role":"user","role":"assistant","content":"B"}',
      after:
        '{"role":"user","content":"A\\n\\nBe brief."},{"role":"user","role":"assistant","content":"B"}',
    },
    {
      name: "nothing without a user turn",
      before: '{"role":"system","content":"A"}',
      after: '{"role":"system","content":"A"}',
    },
    {
      name: "nothing where the user turn has no content",
      before: '{"role":"user","content":null}',
      after: '{"role":"user","content":null}',
    },
  ])("follow $name", ({ before, after }) => {
    expect(writeWire(turns(before), NOTE)).toBe(turns(after));
  });

  it("keep their order and their characters", () => {
    const out = JSON.parse(
      writeWire(turns('{"role":"user","content":"Hi"}'), {
        ...ORDER,
        notes: ['a"\\', "b\u{1f600}"],
      }),
    ) as { messages: { content: string }[] };
    expect(out.messages[0]?.content).toBe('Hi\n\na"\\\n\nb\u{1f600}');
  });
});

describe("a hostile body", () => {
  it("of a hundred thousand brackets goes out whole", () => {
    const nest = "[".repeat(100_000) + "]".repeat(100_000);
    expect(writeWire(bodyWith(`"max_completion_tokens":1,"x":${nest}`), ORDER)).toBe(
      bodyWith(`"max_completion_tokens":1,"x":${nest}`),
    );
  });

  it("of many turns and fields costs no more than a test has time for", () => {
    const fields = Array.from({ length: 50_000 }, (_, index) => `"k${index}":1`).join(",");
    const many = Array.from({ length: 50_000 }, () => '{"role":"assistant","content":"x"}').join(
      ",",
    );
    const text = `{"model":"m","messages":[{"role":"user","content":"Hi"},${many}],${fields}}`;
    expect(writeWire(text, NOTE)).toContain("Be brief.");
  });
});
