// The steps that the platform's own tracing shows by name: each is entered where it happens, and only then.
import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { tracing } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import worker from "../../../worker/index.ts";

const SECRET = "sk-sluice-of-a-test";
const ANSWER = {
  choices: [{ index: 0, message: { role: "assistant", content: "7." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 3 },
};

beforeAll(async () => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(SECRET));
  const hash = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  const documents = {
    catalog: {
      version: "1",
      upstreams: [{ id: "up", engine: "generic", baseUrl: "http://up.invalid/v1" }],
      models: ["first", "second"].map((id) => ({
        id,
        upstream: "up",
        name: id,
        contextTokens: 8192,
        outputTokensMax: 1024,
      })),
    },
    "policy:plain": {
      name: "plain",
      version: "1",
      modes: { short: "first" },
      fallback: ["second"],
    },
    "tenant:acme": { id: "acme", name: "Acme", policy: "plain" },
    [`key:${hash.join("")}`]: { id: "k", tenant: "acme" },
  };
  for (const [name, document] of Object.entries(documents))
    await env.CONFIGURATION.put(name, JSON.stringify(document));
});

/** Lets every span be entered, and tells in which order they were. */
let entered: () => string[];
beforeEach(() => {
  for (const method of ["log", "error"] as const)
    vi.spyOn(console, method).mockImplementation(() => undefined);
  const enterSpan = vi.spyOn(tracing, "enterSpan");
  entered = () => enterSpan.mock.calls.map(([name]) => name);
});
afterEach(() => {
  vi.restoreAllMocks();
});

async function ask(secret: string, upstream: readonly Response[] = []): Promise<number> {
  const fetched = vi.spyOn(globalThis, "fetch");
  for (const response of upstream) fetched.mockResolvedValueOnce(response);
  const context = createExecutionContext();
  const request = new Request("https://sluice.invalid/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "3 + 4?" }] }),
  });
  const answer = await worker.fetch(request as Parameters<typeof worker.fetch>[0], env, context);
  await answer.text();
  await waitOnExecutionContext(context);
  return answer.status;
}

it("a request is planned, held for and attempted, each in a span of its own", async () => {
  expect(await ask(SECRET, [Response.json(ANSWER)])).toBe(200);
  expect(entered()).toEqual(["sluice.plan", "sluice.hold", "sluice.attempt"]);
});

it("each call that stands in has a hold and an attempt of its own, under the one plan", async () => {
  const busy = Response.json({ error: { message: "busy" } }, { status: 503 });
  expect(await ask(SECRET, [busy, Response.json(ANSWER)])).toBe(200);
  expect(entered()).toEqual([
    "sluice.plan",
    "sluice.hold",
    "sluice.attempt",
    "sluice.hold",
    "sluice.attempt",
  ]);
});

it("a request that is refused at the door is planned and no more", async () => {
  expect(await ask("sk-sluice-nobody's")).toBe(401);
  expect(entered()).toEqual(["sluice.plan"]);
});
