// The counts that Prometheus reads: the operator's alone, and those of the requests that were served.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readEvents, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

function read(secret: string | null): Promise<Response> {
  const headers = secret === null ? {} : { authorization: `Bearer ${secret}` };
  return fetch(`${gateway.url}/metrics`, { headers });
}

test("requests, streamed and whole, answered and refused, are counted once each", async () => {
  await (await ask(gateway, turn("What is 3 + 4?", { model: "auto:short" }))).text();
  await readEvents(
    await ask(gateway, turn("What is 3 + 4?", { model: "auto:short", stream: true })),
  );
  await (await ask(gateway, turn("Hi", { model: "nobody's" }))).text();
  await gateway.untilSettled("demo");

  const counted = async (): Promise<readonly string[]> => {
    const response = await read(gateway.adminSecret);
    expect(response.headers.get("content-type")).toContain("version=0.0.4");
    return (await response.text()).split("\n");
  };
  await expect
    .poll(counted)
    .toContain('sluice_requests_total{mode="short",model="small",status="200",failure="none"} 2');
  expect(await counted()).toEqual(
    expect.arrayContaining([
      'sluice_requests_total{mode="none",model="none",status="404",failure="model-unknown"} 1',
      'sluice_calls_total{mode="short",model="small"} 2',
      "sluice_headers_seconds_count 3",
    ]),
  );
});

test("without the operator's secret nothing is told, with a tenant's key neither", async () => {
  for (const secret of [null, "wrong", gateway.secret]) {
    const response = await read(secret);
    expect(response.status).toBe(401);
    expect(await response.text()).not.toContain("sluice_requests_total");
  }
});
