// What reaches the engine of what a client sent: every field of the API and every unknown one as it was spelled, and
// the gateway's own fields behind it all.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ask, readEvents, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
beforeEach(() => gateway.simulator.reset());
afterAll(() => gateway.dispose());

const SCHEMA =
  '{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}';

/** One field a row, in the spelling of the wire: what JSON.parse would lose is the point. */
const FIELDS = [
  [
    "messages with a name and parts",
    '"messages":[{"role":"system","content":"Be kind."},{"role":"user","name":"ada","content":[{"type":"text","text":"Say \\u00e9\\ud83d\\ude00 \\/ ok"}]}]',
  ],
  [
    "half a surrogate pair, a zero and a line separator",
    '"messages":[{"role":"user","content":"a\\ud83d b\\u0000 c\u2028 d"}]',
  ],
  ["n", '"n":2'],
  ["logit_bias", '"logit_bias":{"50256":-100,"11":5.0}'],
  ["stop as text", '"stop":"\\nUser:"'],
  ["stop as a list", '"stop":["\\nUser:","END"]'],
  ["logprobs", '"logprobs":true,"top_logprobs":3'],
  ["temperature spelled 1.0", '"temperature":1.0'],
  ["temperature spelled 5e-1", '"temperature":5e-1'],
  ["top_p", '"top_p":0.90'],
  ["a seed beyond 53 bits", '"seed":7,"x_trace":12345678901234567890'],
  ["penalties", '"presence_penalty":0.10,"frequency_penalty":-0.5'],
  [
    "tools",
    '"tools":[{"type":"function","function":{"name":"weather","description":"Forecast","parameters":{"type":"object","properties":{"city":{"type":"string"}}},"strict":true}}],"tool_choice":"none","parallel_tool_calls":false',
  ],
  [
    "a JSON schema",
    `"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":${SCHEMA}}}`,
  ],
  ["json_object", '"response_format":{"type":"json_object"}'],
  ["user, metadata and store", '"user":"u-1","metadata":{"team":"a","k":"v"},"store":false'],
  ["service_tier", '"service_tier":"default"'],
  ["prompt_cache_key", '"prompt_cache_key":"k-1","prompt_cache_retention":"24h"'],
  ["safety_identifier and verbosity", '"safety_identifier":"s","verbosity":"low"'],
  ["modalities, audio and prediction", '"modalities":["text"],"audio":null,"prediction":null'],
  [
    "deprecated functions",
    '"functions":[{"name":"f","parameters":{"type":"object","properties":{}}}],"function_call":"none"',
  ],
  [
    "an engine's own fields",
    '"top_k":20,"min_p":0.05,"repetition_penalty":1.10,"chat_template_kwargs":{"enable_thinking":false},"ignore_eos":false',
  ],
  ["fields that nobody knows", '"x_future":{"a":[1,2,{"b":null}],"c":1E3,"d":-0.0},"é":"\\u0000"'],
  [
    "null for what has a default",
    '"stop":null,"n":null,"seed":null,"tools":null,"response_format":null,"reasoning_effort":null',
  ],
  ["space between the parts", ' "top_p" : 0.5 ,\n\t"user" :  "u" '],
  ...["none", "minimal", "low", "medium", "high", "xhigh", "max"].map(
    (effort) => [`reasoning_effort ${effort}`, `"reasoning_effort":"${effort}"`] as const,
  ),
] as const;

test.each(FIELDS)("to a model by name %s goes out as it came", async (_, fields) => {
  const messages = fields.startsWith('"messages"')
    ? ""
    : '"messages":[{"role":"user","content":"Say hello."}],';
  const sent = `{"model":"mid",${messages}${fields},"max_completion_tokens":300}`;
  const response = await ask(gateway, sent);

  expect(response.status, await response.text()).toBe(200);
  expect(withoutAddition(lastSent())).toEqual({
    body: sent.replace('"mid"', '"sim-mid"'),
    added: ["cache_salt"],
  });
});

test.each(FIELDS.filter(([name]) => !/reasoning_effort|engine's own/.test(name)))(
  "through auto %s goes out as it came",
  async (_, fields) => {
    const messages = fields.startsWith('"messages"')
      ? ""
      : '"messages":[{"role":"user","content":"Say hello."}],';
    const sent = `{"model":"auto:direct",${messages}${fields},"max_completion_tokens":300}`;
    const response = await ask(gateway, sent);

    expect(response.status, await response.text()).toBe(200);
    expect(withoutAddition(lastSent())).toEqual({
      body: sent.replace('"auto:direct"', '"sim-small"'),
      added: ["cache_salt", "chat_template_kwargs"],
    });
  },
);

test("without a bound of its own a body gets the one that was held", async () => {
  const sent = '{"model":"mid","messages":[{"role":"user","content":"Say hello."}]}';
  const response = await ask(gateway, sent);
  const { max_completion_tokens: cap } = JSON.parse(lastSent()) as {
    max_completion_tokens: number;
  };
  await response.text();

  expect(withoutAddition(lastSent()).added).toEqual(["cache_salt", "max_completion_tokens"]);
  expect(cap).toBe(16_384);
  expect(Number(response.headers.get("x-sluice-held"))).toBeGreaterThan(cap);
});

test.each(["max_tokens", "max_completion_tokens"])(
  "a %s within the model's own stays as it is",
  async (field) => {
    await ask(gateway, turn("Say hello.", { model: "mid", [field]: 77 }));

    expect(JSON.parse(lastSent())).toMatchObject({ [field]: 77 });
    // The engine's own bound stands beside one that it may not read.
    const bound = field === "max_tokens" ? ["max_completion_tokens"] : [];
    expect(withoutAddition(lastSent()).added).toEqual(["cache_salt", ...bound]);
  },
);

test("a bound above what the model gives is lowered to it, in each of its two fields", async () => {
  await ask(
    gateway,
    turn("Say hello.", { model: "mid", max_tokens: 90_000, max_completion_tokens: 80_000 }),
  );

  expect(JSON.parse(lastSent())).toMatchObject({
    max_tokens: 16_384,
    max_completion_tokens: 16_384,
  });
});

test("the larger of two bounds is held", async () => {
  const response = await ask(
    gateway,
    turn("Say hello.", { model: "mid", max_tokens: 1, max_completion_tokens: 9_000 }),
  );

  expect(Number(response.headers.get("x-sluice-held"))).toBeGreaterThan(9_000);
});

test("n answers hold n times the bound", async () => {
  const held = async (n: number): Promise<number> =>
    Number(
      (
        await ask(gateway, turn("Say hello.", { model: "mid", max_completion_tokens: 1_000, n }))
      ).headers.get("x-sluice-held"),
    );

  expect((await held(3)) - (await held(1))).toBe(2_000);
});

test("a model whose name's field is escaped is still the model", async () => {
  const response = await ask(
    gateway,
    '{"mod\\u0065l":"mid","messages":[{"role":"user","content":"Say hello."}]}',
  );

  expect(response.status).toBe(200);
  expect(JSON.parse(lastSent())).toMatchObject({ model: "sim-mid" });
});

test.each([
  ["absent", "", { include_usage: true }],
  ["null", ',"stream_options":null', { include_usage: true }],
  ["false", ',"stream_options":{"include_usage":false}', { include_usage: true }],
  [
    "other options",
    ',"stream_options":{"include_obfuscation":false,"x":1.0}',
    { include_obfuscation: false, x: 1, include_usage: true },
  ],
])(
  "with stream options %s the engine is asked for usage, and the client gets none",
  async (_, options, expected) => {
    const response = await ask(
      gateway,
      `{"model":"mid","messages":[{"role":"user","content":"Say hello."}],"stream":true${options}}`,
    );
    const events = await readEvents(response);

    expect(JSON.parse(lastSent())).toMatchObject({ stream_options: expected });
    expect(events.filter((data) => data.includes('"usage":{'))).toEqual([]);
    expect(events.at(-1)).toBe("[DONE]");
  },
);

test("a stream to a model by name is relayed byte for byte", async () => {
  const body = turn("Say hello.", {
    model: "mid",
    stream: true,
    stream_options: { include_usage: true },
    seed: 3,
    temperature: 0,
  });
  const relayed = await readEvents(await ask(gateway, body));
  const straight = await readEvents(
    await fetch(`${gateway.simulator.url}/v1/chat/completions`, {
      method: "POST",
      body: lastSent(),
    }),
  );
  const untimed = (events: readonly string[]) =>
    events.map((data) => data.replace(/"created":\d+/, "").replace(/"cached_tokens":\d+/, ""));

  expect(untimed(relayed)).toEqual(untimed(straight));
});

/** The body without what the gateway put behind its last field, its salt first, and the names of that. */
function withoutAddition(sent: string): {
  readonly body: string;
  readonly added: readonly string[];
} {
  const at = sent.indexOf(',"cache_salt"');
  const added = JSON.parse(`{${sent.slice(at + 1)}`) as Readonly<Record<string, unknown>>;
  return { body: `${sent.slice(0, at)}}`, added: Object.keys(added).toSorted() };
}

function lastSent(): string {
  const last = gateway.simulator.requests.at(-1);
  if (last === undefined) throw new Error("Nothing reached the engine.");
  return last.body;
}
