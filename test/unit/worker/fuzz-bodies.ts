// Bodies as nobody should send them: odd numbers, escapes, white space, keys that stand twice, and torn ends.
import type { WireOrder } from "../../../worker/upstream/wire/write.ts";
import type { Chance } from "./fuzz-chance.ts";
import { CAPS, OTHER_CAPS, PRIVILEGED } from "./wire-promises.ts";

const NUMBERS = [
  "0",
  "-0",
  "1.0",
  "1e-7",
  "1E+2",
  "12345678901234567890",
  "0.1000",
  "-3.5e10",
  "7",
];
const STRINGS = [
  '""',
  '"x"',
  String.raw`"\\"`,
  String.raw`"\\\\\""`,
  String.raw`"a\"b\"]}{["`,
  String.raw`"\ud83d\ude00 \u0000 \/"`,
  '"caf\u00e9 \u2028 \u{1f600} {\\"model\\":1}"',
  JSON.stringify("\\".repeat(50)),
  JSON.stringify('"\\'.repeat(40)),
];
const SPACES = ["", "", "", " ", "\n", "\t", "\r\n  "];
const KEYS = [
  "temperature",
  "stop",
  "logit_bias",
  "user",
  "seed",
  "tool_choice",
  "x",
  "",
  "__proto__",
  "constructor",
  "toString",
  'a"b',
  "\\",
  "n",
  "stream",
  "stream_options",
  "response_format",
  "tools",
  "reasoning_effort",
  "reasoning",
  ...CAPS,
  ...OTHER_CAPS,
  ...PRIVILEGED,
];

/** A body: most are JSON and nearly right, some are torn. */
export function fuzzBody(chance: Chance): string {
  const space = (): string => chance.pick(SPACES);
  const entries: string[] = [];
  const put = (key: string, value: string): void => {
    entries.push(`${space()}${spell(key, chance)}${space()}:${space()}${value}${space()}`);
  };
  const used = new Set(["model", "messages"]);
  for (let left = chance.whole(8); left > 0; left -= 1) {
    const key = chance.pick(KEYS);
    if (used.has(key) && !chance.once(30)) continue;
    used.add(key);
    put(key, fieldValue(key, chance));
  }
  const messages = `[${Array.from({ length: 1 + chance.whole(4) }, () => space() + message(chance) + space()).join(",")}]`;
  entries.splice(
    chance.whole(entries.length + 1),
    0,
    `${space()}${spell("model", chance)}:${space()}"auto"`,
  );
  entries.splice(
    chance.whole(entries.length + 1),
    0,
    `${spell("messages", chance)}${space()}:${messages}`,
  );
  const body = `${space()}{${entries.join(",")}${space()}}${space()}`;
  return chance.once(4) ? tear(body, chance) : body;
}

function fieldValue(key: string, chance: Chance): string {
  if (chance.once(12)) return "null";
  if (chance.once(12)) return json(chance, 2);
  if (OTHER_CAPS.includes(key)) return chance.pick(["-1", "16", "1e3", "999999"]);
  if (key === "reasoning") return chance.pick(['{"effort":"low","exclude":true}', "{}", '"x"']);
  if (CAPS.includes(key)) return chance.pick(["1", "64", "100.0", "1e3", "4096", "999999"]);
  if (key === "n") return chance.pick(["1", "2", "128"]);
  if (key === "stream") return chance.pick(["true", "false"]);
  if (key === "stream_options")
    return chance.pick([
      '{"include_usage":true}',
      '{ "include_usage" : false , "x":1.0 }',
      "{}",
      '{"a":[]}',
    ]);
  if (key === "reasoning_effort") return chance.pick(['"none"', '"xhigh"', '"low"']);
  return json(chance, 3);
}

function message(chance: Chance): string {
  const role = chance.pick(["user", "user", "assistant", "system", "tool"]);
  const fields = [`${spell("role", chance)}:${chance.pick(SPACES)}"${role}"`];
  if (!chance.once(15)) fields.push(`"content":${chance.pick(SPACES)}${content(chance)}`);
  if (chance.once(8)) fields.push(`"name":${json(chance, 1)}`);
  if (chance.once(25)) fields.push(`"role":"user"`);
  if (chance.once(25)) fields.push(`"content":${content(chance)}`);
  if (chance.once(2)) fields.reverse();
  return `{${fields.join(`${chance.pick(SPACES)},${chance.pick(SPACES)}`)}}`;
}

function content(chance: Chance): string {
  if (chance.once(10)) return "null";
  if (!chance.once(3)) return chance.pick(STRINGS);
  const parts = Array.from({ length: chance.whole(4) }, () =>
    chance.pick([
      `{"type":"text","text":${chance.pick(STRINGS)}}`,
      `{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}`,
      `{"type":"thinking","thinking":${chance.pick(STRINGS)}}`,
    ]),
  );
  return `[${chance.pick(SPACES)}${parts.join(",")}${chance.pick(SPACES)}]`;
}

function json(chance: Chance, depth: number): string {
  const kind = depth === 0 ? chance.whole(3) : chance.whole(5);
  if (kind === 0) return chance.pick(NUMBERS);
  if (kind === 1) return chance.pick(STRINGS);
  if (kind === 2) return chance.pick(["true", "false", "null"]);
  const inner = Array.from(
    { length: chance.whole(4) },
    () => chance.pick(SPACES) + json(chance, depth - 1),
  );
  if (kind === 3) return `[${inner.join(",")}${chance.pick(SPACES)}]`;
  // Keys are drawn from two, so that they often stand twice.
  return `{${inner.map((value) => `${chance.pick(['"k"', '"\\u006b"', '"model"'])}:${value}`).join(",")}}`;
}

/** A key, now and then with an escape that means the same. */
function spell(key: string, chance: Chance): string {
  const plain = JSON.stringify(key);
  if (key === "" || !/^[a-z_]+$/.test(key) || !chance.once(5)) return plain;
  const at = chance.whole(key.length);
  // Another case of it is another key, or none at all.
  if (chance.once(4)) return plain.toUpperCase();
  return `"${key.slice(0, at)}\\u${key.charCodeAt(at).toString(16).padStart(4, "0")}${key.slice(at + 1)}"`;
}

function tear(body: string, chance: Chance): string {
  const at = chance.whole(body.length + 1);
  switch (chance.whole(4)) {
    case 0:
      return body.slice(0, at);
    case 1:
      return body.slice(0, at) + body.slice(at + 1);
    case 2:
      return (
        body.slice(0, at) +
        chance.pick(['"', "\\", "}", "]", ",", "\0", "1", "nul", "\ud83d"]) +
        body.slice(at)
      );
    default:
      return body.slice(at);
  }
}

export function fuzzOrder(chance: Chance): WireOrder {
  return {
    model: chance.pick(["small", 'odd "name"\\', "org/model"]),
    isStream: chance.once(2),
    asksUsage: chance.once(2),
    outputTokens: chance.pick([1, 64, 1000, 100_000]),
    capField: chance.pick(["max_tokens", "max_completion_tokens"] as const),
    fields: chance.pick<Record<string, string>>([
      {},
      { temperature: "0.5" },
      { cache_salt: '"ours"', chat_template_kwargs: '{"enable_thinking":false}' },
    ]),
    notes: chance.pick([[], [], ["Answer directly."], ['One "quoted" \\ line\n', "Two \u{1f600}"]]),
    turnNotes: chance.pick([[], [], ['Think "briefly".']]),
    isSteady: chance.once(2),
  };
}
