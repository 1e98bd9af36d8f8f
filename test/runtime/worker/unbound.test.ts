// A Worker without one of its bindings answers nothing but that, and says what to mend.
import { createExecutionContext, env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import worker from "../../../worker/index.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function ask(path: string, bindings: object): Promise<Response> {
  const request = new Request(`https://sluice.invalid${path}`);
  const fetched = worker.fetch(
    request as Parameters<typeof worker.fetch>[0],
    bindings as Env,
    createExecutionContext(),
  );
  return Promise.resolve(fetched);
}

test("without a ledger nothing is served, not even health, and the log says what to mend, once", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const { LEDGER: _, ...rest } = env as unknown as Record<string, unknown>;
  for (const path of ["/healthz", "/v1/models", "/v1/chat/completions"]) {
    const refused = await ask(path, rest);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect(await refused.json()).toMatchObject({
      error: { code: "not_configured", message: expect.stringContaining("LEDGER") as string },
    });
  }
  expect(logged).toHaveBeenCalledTimes(1);
  expect(logged.mock.calls[0]?.[0]).toContain('"event":"binding-missing"');
});

test("with all of them it serves", async () => {
  expect((await ask("/healthz", env)).status).toBe(200);
});
