// What an operator came for: three lines of policy send short, long and code to three endpoints of their own.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { noLatency } from "../../simulator/settings.ts";
import { ask, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const MODES = [
  { mode: "short", model: "small" },
  { mode: "long", model: "deep" },
  { mode: "code", model: "coder" },
] as const;

let endpoints: readonly Simulator[];
let gateway: GatewayUnderTest;
beforeAll(async () => {
  endpoints = await Promise.all(MODES.map(() => startSimulator(noLatency)));
  gateway = await startGatewayUnderTest({
    catalog: (seeded) => ({
      ...seeded,
      upstreams: MODES.map(({ mode }, index) => ({
        ...seeded.upstreams[0]!,
        id: `at-${mode}`,
        baseUrl: `${endpoints[index]?.url}/v1`,
      })),
      models: seeded.models.map((model) => ({
        ...model,
        upstream: `at-${MODES.find((bound) => bound.model === model.id)?.mode ?? "short"}`,
      })),
    }),
    tenants: [{ id: "demo", name: "Demo", policy: "three-endpoints" }],
  });
});
afterAll(async () => {
  await gateway.dispose();
  await Promise.all(endpoints.map((endpoint) => endpoint.close()));
});

test.each(MODES.map((bound, index) => ({ ...bound, index })))(
  "auto:$mode goes to its own endpoint and to no other",
  async ({ mode, model, index }) => {
    for (const endpoint of endpoints) endpoint.reset();
    const response = await ask(gateway, turn("What is 17 * 24?", { model: `auto:${mode}` }));

    expect(response.status).toBe(200);
    expect(response.headers.get("x-sluice-policy-version")).toBe("three-endpoints@seed-1");
    expect(response.headers.get("x-sluice-mode")).toBe(mode);
    expect(response.headers.get("x-sluice-model")).toBe(model);
    expect(endpoints.map(({ requests }) => requests.length)).toEqual(
      MODES.map((_, at) => (at === index ? 1 : 0)),
    );
  },
);

test("auto goes to one of the three, and a mode that was not bound is refused with those that were", async () => {
  const chosen = await ask(gateway, turn("What is 17 * 24?"));
  const unbound = await ask(gateway, turn("What is 17 * 24?", { model: "auto:direct" }));

  expect(chosen.headers.get("x-sluice-mode")).toMatch(/^(short|long|code)$/);
  expect(unbound.status).toBe(400);
  expect(await unbound.json()).toMatchObject({
    error: { param: "model", message: expect.stringContaining("short, code, long") as string },
  });
});
