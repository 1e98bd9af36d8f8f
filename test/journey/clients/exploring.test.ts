// A policy that explores: what each answer and the log say of its chance, and on whom nothing is tried.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readJson, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const SHARE = 0.2;
const REQUESTS = 30;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    policies: [
      {
        name: "exploring",
        version: "1",
        modes: { direct: "small", short: "mid", long: "deep" },
        exploreShare: SHARE,
        exploreRegretMax: 1,
        confidenceMin: 0,
        learning: "off",
      },
    ],
    tenants: [{ id: "demo", name: "Demo", policy: "exploring" }],
  });
});
afterAll(() => gateway.dispose());

interface Explained {
  readonly choice: {
    readonly propensity: number;
    readonly explored: boolean;
    readonly ladder: readonly { readonly reason: string }[];
  };
}

test("each answer says its propensity, and so does its line in the log, whatever chance did", async () => {
  const explained: [string, Explained["choice"]][] = [];
  for (let index = 0; index < REQUESTS; index += 1) {
    const body = turn(`What is the capital of country number ${index}?`);
    const response = await ask(gateway, body, { headers: { "x-sluice-explain": "1" } });
    const { sluice } = await readJson<{ readonly sluice: Explained }>(response);
    explained.push([response.headers.get("x-request-id") ?? "", sluice.choice]);
  }
  for (const [requestId, { propensity, explored, ladder }] of explained) {
    expect(ladder[0]?.reason === "explored").toBe(explored);
    // Two other modes share what is explored, if nothing is held against them; the best has the rest.
    const chances = explored ? [SHARE, SHARE / 2] : [1 - SHARE];
    expect(chances.some((chance) => Math.abs(chance - propensity) < 1e-9)).toBe(true);
    const line = gateway.logged.find((text) => text.includes(`"requestId":"${requestId}"`));
    expect(JSON.parse(line ?? "{}")).toMatchObject({ propensity, isExplored: explored });
  }
});

test("a preview and a strict caller get the best arm, and never another", async () => {
  const best = new Set<string | null>();
  for (let index = 0; index < REQUESTS / 2; index += 1) {
    const body = turn("What is the capital of Peru?");
    const preview = await fetch(`${gateway.url}/v1/choose`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.secret}` },
      body: JSON.stringify(body),
    });
    expect(await readJson<Explained>(preview)).toMatchObject({ choice: { explored: false } });
    const strict = await ask(gateway, body, { headers: { "x-sluice-budget": "strict" } });
    best.add(strict.headers.get("x-sluice-mode"));
    expect(strict.headers.get("x-sluice-reason")).not.toBe("explored");
  }
  expect(best.size).toBe(1);
});
