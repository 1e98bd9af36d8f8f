// What an upstream says of itself that no caller should hear, in each of the places where it can say it.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { only, startFaultGateway, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, role, sse } from "./wire-samples.ts";

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let script: Script;

beforeAll(async () => {
  scripted = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    policies: [only("scripted")],
  });
});
beforeEach(() => gateway.simulator.reset());
afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

const asked = { text: "Hello", policy: "only-scripted", isStream: false };

function says(status: number, body: string, headers: Record<string, string> = {}): Script {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    writes: [Buffer.from(body)],
    end: "close",
  };
}

function tellsAll(): string {
  const { host } = new URL(scripted.baseUrl);
  return JSON.stringify({
    error: {
      message: `n is too large; key sk-abcdef123456 of org-ABCDEF at ${host} (10.1.2.3:80)`,
      type: "invalid_request_error",
    },
  });
}

const TOLD = "n is too large; key [hidden] of [hidden] at [hidden] ([hidden])";

test("keys, accounts and addresses are cut out of a refusal", async () => {
  script = says(400, tellsAll());
  const seen = await gateway.see(asked);
  expect(seen.status).toBe(400);
  expect(JSON.parse(seen.text)).toMatchObject({ error: { message: TOLD } });
});

test("they are cut out of an error that comes with status 200", async () => {
  script = says(200, tellsAll());
  const seen = await gateway.see(asked);
  expect(seen.status).toBe(400);
  expect(JSON.parse(seen.text)).toMatchObject({ error: { message: TOLD } });
});

test("they are cut out of an error in the middle of a stream", async () => {
  script = {
    status: 200,
    writes: [sse(role()), sse(chunk("Hi")), sse(tellsAll())],
    end: "close",
  };
  const seen = await gateway.see({ ...asked, isStream: true });
  expect(seen.text).toContain("Hi");
  expect(seen.text).toContain(TOLD);
  expect(seen.text).not.toMatch(/abcdef|ABCDEF|127\.0\.0\.1/);
});

test("a page that is no error of an API is not shown", async () => {
  script = says(400, "<html>Traceback: /srv/serve.py, Authorization: x</html>");
  const seen = await gateway.see(asked);
  expect(seen.status).toBe(400);
  expect(seen.text).not.toMatch(/srv|Authorization/);
});

test("a whole answer is JSON and nothing else, whatever its upstream calls it", async () => {
  script = says(
    200,
    '{"choices":[{"index":0,"message":{"content":"<b>"},"finish_reason":"stop"}]}',
    { "content-type": "text/html; charset=utf-16" },
  );
  const response = await gateway.ask(asked);
  await response.text();
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
});

test("advice to come again is passed on within an hour", async () => {
  script = says(429, "{}", { "retry-after": "1e300" });
  const response = await gateway.ask(asked);
  await response.text();
  expect(response.headers.get("retry-after")).toBe("3600");
});
