// How a caller steers: a mode or a model by name, a policy, an effort; and what is refused by name.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readError, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const EASY = "What is the capital of Peru?";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    policies: [
      {
        name: "worded",
        version: "1",
        modes: { direct: "mid", short: "mid", code: "mid", long: "mid" },
        strategies: {
          direct: ["mode-prompt"],
          short: ["mode-prompt"],
          code: ["mode-prompt"],
          long: ["mode-prompt"],
        },
      },
    ],
    tenants: [
      { id: "demo", name: "Demo", policy: "balanced", policies: ["economy", "quality", "worded"] },
    ],
  });
});
afterAll(() => gateway.dispose());

const BALANCED = [
  { mode: "direct", model: "small", upstream: "sim-small" },
  { mode: "short", model: "small", upstream: "sim-small" },
  { mode: "code", model: "coder", upstream: "sim-coder" },
  { mode: "long", model: "deep", upstream: "sim-large" },
] as const;

test.each(BALANCED)(
  "auto:$mode runs on the model that the policy binds to it",
  async ({ mode, model, upstream }) => {
    const response = await ask(gateway, turn(EASY, { model: `auto:${mode}` }));

    expect(response.status).toBe(200);
    expect(response.headers.get("x-sluice-mode")).toBe(mode);
    expect(response.headers.get("x-sluice-model")).toBe(model);
    expect(response.headers.get("x-sluice-reason")).toBe("asked-mode");
    expect(lastSent()).toMatchObject({ model: upstream });
  },
);

test.each(BALANCED)(
  "x-sluice-mode: $mode does the same for clients that cannot change the model",
  async ({ mode, model }) => {
    const response = await ask(gateway, turn(EASY), { headers: { "x-sluice-mode": mode } });

    expect(response.headers.get("x-sluice-mode")).toBe(mode);
    expect(response.headers.get("x-sluice-model")).toBe(model);
    expect(response.headers.get("x-sluice-reason")).toBe("asked-mode");
  },
);

test.each([
  { mode: "direct", thinks: false },
  { mode: "short", thinks: false },
  { mode: "code", thinks: false },
  { mode: "long", thinks: true },
])(
  "the mode $mode is asked of the engine in its own knobs and in words",
  async ({ mode, thinks }) => {
    await ask(gateway, turn("What is 17 * 24?"), {
      headers: { "x-sluice-policy": "worded", "x-sluice-mode": mode },
    });

    expect(lastSent()).toMatchObject({ chat_template_kwargs: { enable_thinking: thinks } });
    expect(lastSent().messages[0]?.content.startsWith("What is 17 * 24?")).toBe(true);
    expect(lastSent().messages[0]?.content === "What is 17 * 24?").toBe(thinks);
  },
);

test.each([
  { effort: "none", mode: "direct" },
  { effort: "minimal", mode: "direct" },
  { effort: "low", mode: "short" },
  { effort: "high", mode: "long" },
  { effort: "xhigh", mode: "long" },
  { effort: "max", mode: "long" },
])(
  "an effort of $effort is the mode $mode, and reaches the engine as it was written",
  async ({ effort, mode }) => {
    const response = await ask(gateway, turn(EASY, { reasoning_effort: effort }));

    expect(response.status).toBe(200);
    expect(response.headers.get("x-sluice-mode")).toBe(mode);
    expect(response.headers.get("x-sluice-reason")).toBe("asked-effort");
    expect(lastSent()).toMatchObject({ reasoning_effort: effort });
    expect(lastSent()).not.toHaveProperty("chat_template_kwargs");
  },
);

test("an effort of medium leaves the choice to Sluice", async () => {
  const response = await ask(gateway, turn(EASY, { reasoning_effort: "medium" }));

  expect(response.headers.get("x-sluice-reason")).toMatch(/^(utility|low-confidence)$/);
  expect(lastSent()).toMatchObject({ reasoning_effort: "medium" });
});

test("x-sluice-policy names another policy of the tenant", async () => {
  const response = await ask(gateway, turn(EASY, { model: "auto:long" }), {
    headers: { "x-sluice-policy": "economy" },
  });

  expect(response.headers.get("x-sluice-policy-version")).toBe("economy@seed-2");
  expect(response.headers.get("x-sluice-model")).toBe("small");
});

test("a policy that the tenant may not use is refused with those that it may", async () => {
  const response = await ask(gateway, turn(EASY), {
    headers: { "x-sluice-policy": "three-endpoints" },
  });

  expect(response.status).toBe(400);
  expect(await readError(response)).toMatchObject({
    param: "x-sluice-policy",
    code: "invalid_value",
    message: expect.stringContaining("balanced, economy, quality, worded") as string,
  });
});

test("a mode that nobody defined is refused with those that there are", async () => {
  const byHeader = await ask(gateway, turn(EASY), { headers: { "x-sluice-mode": "deep" } });
  const byModel = await ask(gateway, turn(EASY, { model: "auto:deep" }));

  expect(byHeader.status).toBe(400);
  expect(await readError(byHeader)).toMatchObject({
    param: "x-sluice-mode",
    message: expect.stringContaining("direct, short, code, long") as string,
  });
  expect(byModel.status).toBe(404);
  expect(await readError(byModel)).toMatchObject({ param: "model", code: "model_not_found" });
});

test("a mode beside a model by name runs that model in that mode", async () => {
  const response = await ask(gateway, turn(EASY, { model: "mid" }), {
    headers: { "x-sluice-mode": "long" },
  });

  expect(response.headers.get("x-sluice-model")).toBe("mid");
  expect(response.headers.get("x-sluice-mode")).toBe("long");
  expect(response.headers.get("x-sluice-reason")).toBe("asked-model");
  expect(lastSent()).toMatchObject({
    model: "sim-mid",
    chat_template_kwargs: { enable_thinking: true },
  });
});

function lastSent(): {
  readonly model: string;
  readonly messages: readonly { readonly content: string }[];
} {
  return gateway.simulator.requests.at(-1)?.json as ReturnType<typeof lastSent>;
}
