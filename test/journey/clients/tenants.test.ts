// Tenants are apart: a budget, a model, a policy or a figure of one is nothing to another.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import { ask, readError, readJson, turn, type UsageFields } from "../support/chat.ts";
import {
  standsAt,
  startGatewayUnderTest,
  type GatewayUnderTest,
} from "../support/gateway-under-test.ts";

const A = "sk-sluice-journey-a";
const B = "sk-sluice-journey-b";
const B_SECOND = "sk-sluice-journey-b-second";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: [
      {
        id: "a",
        name: "A",
        policy: "economy",
        policies: [],
        models: ["small"],
        limits: [{ dimension: "requests", window: "day", limit: 2 }],
      },
      {
        id: "b",
        name: "B",
        policy: "quality",
        policies: ["balanced"],
        limits: [{ dimension: "requests", window: "day", limit: 100 }],
      },
    ],
    keys: [
      { secret: A, document: { id: "a", tenant: "a" } },
      { secret: B, document: { id: "b", tenant: "b" } },
      { secret: B_SECOND, document: { id: "b-second", tenant: "b" } },
    ],
  });
});
afterAll(() => gateway.dispose());

test.each(["mid", "deep", "coder", "sim-small", "nobody's"])(
  "a model that is not the tenant's reads as unknown: %s",
  async (model) => {
    const response = await ask(gateway, turn("Say hello.", { model }), { secret: A });
    const error = await readError(response);

    expect(response.status).toBe(404);
    expect(error.message).toBe(
      `The model \`${model}\` is not available to this key. Ask \`GET /v1/models\` for those that are, or send \`auto\`.`,
    );
  },
);

test.each(["quality", "balanced", "nobody's"])(
  "a policy that is not the tenant's is refused, whether it exists or not: %s",
  async (policy) => {
    const response = await ask(gateway, turn("Say hello."), {
      secret: A,
      headers: { "x-sluice-policy": policy },
    });

    expect(response.status).toBe(400);
    expect(await readError(response)).toMatchObject({
      param: "x-sluice-policy",
      message: "`x-sluice-policy` must be one of economy.",
    });
  },
);

test("a fallback that the tenant may not use is no rung of its ladder", async () => {
  const response = await ask(gateway, turn("Say hello."), {
    secret: A,
    headers: { "x-sluice-explain": "1" },
  });
  const { sluice } = await readJson<{ sluice: { choice: { ladder: readonly { arm: string }[] } } }>(
    response,
  );

  expect(
    sluice.choice.ladder.map(({ arm }) => arm.split("/")[0]).filter((model) => model !== "small"),
  ).toEqual([]);
});

test("one tenant's exhausted budget leaves the other alone", async () => {
  const used = await ask(gateway, turn("Say hello."), { secret: A });
  await used.text();
  const refused = await ask(gateway, turn("Say hello."), { secret: A });
  const other = await ask(gateway, turn("Say hello."), { secret: B });

  expect(used.status).toBe(200);
  expect(refused.status).toBe(429);
  expect(await readError(refused)).toMatchObject({ code: "project_spend_limit_exceeded" });
  expect(other.status).toBe(200);
  expect(other.headers.get("x-ratelimit-remaining-requests")).toBe("99");
});

test("what one tenant uses stands in its own ledger only", async () => {
  const before = [
    await spent("a", "tokens"),
    await spent("b", "tokens"),
    await spent("demo", "tokens"),
  ];
  const { usage } = await readJson<{ usage: UsageFields }>(
    await ask(gateway, turn("Name three rivers."), { secret: B }),
  );
  const after = [
    await spent("a", "tokens"),
    await spent("b", "tokens"),
    await spent("demo", "tokens"),
  ];

  expect(after).toEqual([before[0], (before[1] ?? 0) + usage.total_tokens, before[2]]);
});

test("two keys of one tenant share its budget, and the journal tells them apart", async () => {
  const before = await spent("b", "requests");
  for (const secret of [B, B_SECOND])
    await (await ask(gateway, turn("Name a lake."), { secret })).text();

  expect(await spent("b", "requests")).toBe(before + 2);
  expect(
    (await gateway.ledgerJournal("b")).slice(-4).map(({ op, keyId }) => `${op} ${keyId}`),
  ).toEqual(["hold b", "settle b", "hold b-second", "settle b-second"]);
});

async function spent(tenantId: string, dimension: Dimension): Promise<number> {
  return standsAt(await gateway.untilSettled(tenantId), dimension);
}
