// Requests that are more than anybody reads: each is a clear 400 before anything is parsed, held or sent.
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, readJson, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

interface Refusal {
  readonly error: { readonly code: string; readonly param: string; readonly message: string };
}

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

test("an input beyond every model's context is refused in the words that agents know", async () => {
  const sent = gateway.simulator.requests.length;
  const response = await ask(gateway, turn("word ".repeat(1_000_000), { model: "small" }));

  expect(response.status).toBe(400);
  expect(await readJson<Refusal>(response)).toMatchObject({
    error: { code: "context_length_exceeded", param: "messages" },
  });
  expect(gateway.simulator.requests).toHaveLength(sent);
});

test("an input beyond one model's context goes to one that reads it", async () => {
  const response = await ask(gateway, turn("7".repeat(300_000), { model: "auto" }));
  await response.text();

  expect(response.status).toBe(200);
  expect(response.headers.get("x-sluice-model")).not.toBe("small");
});

test("as many parts as a body can hold are refused by their number, not by a ledger", async () => {
  const parts = Array.from({ length: 20_001 }, () => ({}));
  const body = { model: "auto", messages: [{ role: "user", content: parts }] };
  const response = await ask(gateway, body);

  expect(response.status).toBe(400);
  expect(await readJson<Refusal>(response)).toMatchObject({
    error: { param: "messages[0].content" },
  });
});

test("ten megabytes of brackets are refused for their depth", async () => {
  const response = await ask(gateway, "[".repeat(10 * 1024 * 1024));

  expect(response.status).toBe(400);
  const { error } = await readJson<Refusal>(response);
  expect(error.message).toContain("200 levels");
});
