// A client's own thinking config for Gemini goes out, lowered to the ceiling and never raised to it; what else stands in
// its bag does not.
import { describe, expect, it } from "vitest";
import { DIRECT_TOKENS, send, type Sent } from "./a-ceiling.ts";
import { CEILING_TOKENS } from "./ceiling-aliases.ts";

const configOf = (config: object, beside: object = {}): object => ({
  extra_body: { google: { thinking_config: config, ...beside } },
});
const NO_CEILING = { reasoningTokensMax: undefined };

function sentConfig({ body }: Sent): unknown {
  return body["extra_body"];
}

describe.each([null, "short", "long"] as const)("in the mode %s", (mode) => {
  it.each([512, CEILING_TOKENS])(
    "a budget of %d within the ceiling goes out as it was written",
    (tokens) => {
      const fields = configOf({ thinking_budget: tokens, include_thoughts: true });
      const sent = send("gemini", { fields, mode });
      expect(sent.text).toContain(JSON.stringify(fields).slice(1, -1));
      expect(sent.knobs["reasoning-ceiling"]).toBeUndefined();
      expect(sent.preparation.draft.outputTokens).toBeGreaterThan(0);
    },
  );

  it.each([CEILING_TOKENS + 1, 20_000, -1])(
    "a budget of %d is lowered to the ceiling",
    (tokens) => {
      const fields = configOf({ thinking_budget: tokens, include_thoughts: true });
      const sent = send("gemini", { fields, mode });
      const expected = { thinking_budget: CEILING_TOKENS, include_thoughts: true };
      expect(sent.body).toMatchObject(configOf(expected));
      expect(sent.knobs["reasoning-ceiling"]).toMatch(
        /^exact: .*extra_body.google.thinking_config.thinking_budget -?\d+ to 2048$/,
      );
    },
  );

  it("goes out without a ceiling, and no budget of the gateway's beside it", () => {
    const fields = configOf({ thinking_budget: 20_000 });
    const sent = send("gemini", { fields, mode, policy: NO_CEILING });
    expect(sentConfig(sent)).toEqual(configOf({ thinking_budget: 20_000 })["extra_body" as never]);
  });

  it("is a client's own budget of 0 a stop, which is left alone", () => {
    const fields = { ...configOf({ thinking_budget: 0 }), max_tokens: 20_000 };
    const sent = send("gemini", { fields, mode });
    expect(sent.preparation.draft.outputTokens).toBe(20_000);
    expect(sent.knobs["reasoning-ceiling"]).toBeUndefined();
  });
});

it("gets a budget of the ceiling beside what it says without one", () => {
  const sent = send("gemini", { fields: configOf({ include_thoughts: true }) });
  expect(sent.body).toMatchObject(
    configOf({ include_thoughts: true, thinking_budget: CEILING_TOKENS }),
  );
  expect(sent.knobs["reasoning-ceiling"]).toMatch(/^exact: .*thinking_budget 2048 added$/);
});

it("gets none beside a level, which Gemini refuses: the level is lowered and the whole answer bounded", () => {
  const sent = send("gemini", { fields: configOf({ thinking_level: "HIGH" }) });
  expect(sentConfig(sent)).toEqual({ google: { thinking_config: { thinking_level: "low" } } });
  expect(sent.preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
  expect(sent.knobs["reasoning-ceiling"]).toMatch(/^approx: /);
});

it("is no bound where the catalog does not declare that this model takes one", () => {
  const fields = { ...configOf({ thinking_budget: 512 }), max_tokens: 20_000 };
  const sent = send("gemini", { fields, has: ["effort"] });
  expect(sent.body).toMatchObject(configOf({ thinking_budget: 512 }));
  expect(sent.preparation.draft.outputTokens).toBe(CEILING_TOKENS + DIRECT_TOKENS);
});

it("gives way to the gateway's where the ceiling stops thinking", () => {
  const fields = configOf({ thinking_level: "HIGH", thinking_budget: 512 });
  expect(sentConfig(send("gemini", { fields, tokens: 0 }))).toEqual({
    google: { thinking_config: { thinking_budget: 0 } },
  });
});

it("takes nothing else of the bag along: a cache there is the project's, whoever made it", () => {
  const fields = {
    extra_body: {
      priority: -5,
      google: {
        cached_content: "cachedContents/of-another",
        thinking_config: { thinking_budget: 9 },
      },
    },
  };
  for (const policy of [{}, NO_CEILING])
    expect(sentConfig(send("gemini", { fields, policy }))).toEqual({
      google: { thinking_config: { thinking_budget: 9 } },
    });
});

it.each([
  ["a number", 7],
  ["null", null],
  ["a list", [{ google: { thinking_config: { thinking_budget: 9 } } }]],
  ["no config", { google: { cached_content: "c" } }],
  ["null for a config", { google: { thinking_config: null } }],
])("does not pass when the bag is %s", (_, bag) => {
  expect(
    send("gemini", { fields: { extra_body: bag }, policy: NO_CEILING }).body,
  ).not.toHaveProperty("extra_body");
});

it("passes to no other engine", () => {
  for (const engine of ["vllm", "openai", "generic"]) {
    const { body } = send(engine, { fields: configOf({ thinking_budget: 9 }), policy: NO_CEILING });
    expect(body, engine).not.toHaveProperty("extra_body");
  }
});
