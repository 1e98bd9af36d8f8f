// An engine that reads little and calls no tools, and the stand-in that does both: what the policy's own model would
// refuse never reaches it, since nothing is tried again after a refusal.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startScriptedUpstream, type ScriptedUpstream } from "../faults/scripted-upstream.ts";
import { ask, readError, readEvents, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

/** As many bytes as `small`'s 32,768 tokens of English; the prompt below is half as long again. */
const READ_BYTES_MAX = 131_072;
const LONG = "The river rose again in the night. ".repeat(6_000);
const QUESTION = "What is the capital of Peru?";
const TOOLS = [
  {
    type: "function",
    function: { name: "weather", parameters: { type: "object", properties: {} } },
  },
];

let narrow: ScriptedUpstream;
let gateway: GatewayUnderTest;
/** How many requests the narrow engine had seen before the test. */
let seenBefore: number;

beforeAll(async () => {
  narrow = await startScriptedUpstream((body) => {
    const refusal =
      body.length > READ_BYTES_MAX
        ? "This model's maximum context length is 32768 tokens."
        : "tools" in (JSON.parse(body) as object)
          ? '"auto" tool choice requires --enable-auto-tool-choice.'
          : null;
    const said = refusal === null ? COMPLETION : { error: { message: refusal, code: 400 } };
    return {
      status: refusal === null ? 200 : 400,
      headers: { "content-type": "application/json" },
      writes: [Buffer.from(JSON.stringify(said))],
      end: "close",
    };
  });
  gateway = await startGatewayUnderTest({
    catalog: (seeded) => ({
      ...seeded,
      upstreams: [
        ...seeded.upstreams,
        { ...seeded.upstreams[0]!, id: "narrow", baseUrl: narrow.baseUrl },
      ],
      models: seeded.models.map((model) =>
        model.id === "small"
          ? {
              ...model,
              upstream: "narrow",
              capabilities: model.capabilities.filter((capability) => capability !== "tools"),
            }
          : model,
      ),
    }),
    policies: [
      {
        name: "capped",
        version: "1",
        lambda: 5,
        modes: { direct: "mid", long: "deep" },
        fallback: ["mid"],
        expectedCostNanosMax: 1_000_000,
      },
    ],
    tenants: [{ id: "demo", name: "Demo", policy: "economy", policies: ["capped"] }],
  });
});
afterAll(async () => {
  await gateway.dispose();
  await narrow.close();
});
beforeEach(() => {
  gateway.simulator.reset();
  seenBefore = narrow.endings.length;
});

const COMPLETION = {
  id: "narrow-1",
  object: "chat.completion",
  created: 1,
  model: "sim-small",
  choices: [{ index: 0, message: { role: "assistant", content: "Lima." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 },
};

/** Requests that each engine saw in this test. */
function seen(): { readonly narrow: number; readonly standIn: number } {
  const standIn = gateway.simulator.requests.length;
  return { narrow: narrow.endings.length - seenBefore, standIn };
}

test("a short question is answered by the policy's own model", async () => {
  const response = await ask(gateway, turn(QUESTION));

  expect(response.status).toBe(200);
  expect(response.headers.get("x-sluice-model")).toBe("small");
  expect(await response.json()).toMatchObject(COMPLETION);
  expect(seen()).toEqual({ narrow: 1, standIn: 0 });
});

describe.each(["auto", "auto:short", "auto:long"])("%s", (model) => {
  test.each([
    { what: "a prompt that it does not read", body: turn(`${LONG}${QUESTION}`, { model }) },
    { what: "tools", body: turn(QUESTION, { model, tools: TOOLS }) },
  ])("with $what is answered by the stand-in", async ({ body }) => {
    const response = await ask(gateway, { ...body, stream: true });

    expect(response.status).toBe(200);
    expect(response.headers.get("x-sluice-model")).toBe("mid");
    expect((await readEvents(response)).at(-1)).toBe("[DONE]");
    expect(seen()).toEqual({ narrow: 0, standIn: 1 });
  });
});

test("a stand-in that fails is said to fail, and the prompt not to be too long", async () => {
  const text = `${LONG}${QUESTION} [[sim:sim-mid=error-503]]`;
  const response = await ask(gateway, turn(text, { model: "auto:short" }));

  expect(response.status).toBeGreaterThanOrEqual(500);
  expect((await readError(response)).code).not.toBe("context_length_exceeded");
  expect(seen().narrow).toBe(0);
});

test("a conversation stays on the stand-in that a ceiling gave to what was asked for", async () => {
  const headers = { "x-sluice-policy": "capped" };
  // Its own first turn, which is what tells conversations apart.
  const opening = "What is the capital of Chile?";
  const history = [
    { role: "user", content: opening },
    { role: "assistant", content: "Santiago." },
    { role: "user", content: "Thank you!" },
  ];
  const thought = await ask(gateway, turn(opening, { reasoning_effort: "high" }), { headers });
  const later = await ask(gateway, { model: "auto", messages: history }, { headers });
  const other = [{ role: "system", content: "Be kind." }, ...history];
  const fresh = await ask(gateway, { model: "auto", messages: other }, { headers });

  expect(armOf(thought)).toEqual({ model: "mid", mode: "long", reason: "ceiling" });
  expect(armOf(later)).toEqual({ model: "mid", mode: "long", reason: "sticky" });
  expect(armOf(fresh)).toMatchObject({ model: "mid", mode: "direct" });
});

function armOf({ headers }: Response): Readonly<Record<string, string | null>> {
  return {
    model: headers.get("x-sluice-model"),
    mode: headers.get("x-sluice-mode"),
    reason: headers.get("x-sluice-reason"),
  };
}
