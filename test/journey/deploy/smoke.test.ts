// The smoke test against servers that are wrong in one thing each.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { smokeTest } from "../../../worker/cli/deploy/smoke.ts";

const KEY = "sk-sluice-smoke";
let server: Server | undefined;
afterEach(() => server?.close());

type Answers = Readonly<Record<string, readonly [number, string]>>;
const RIGHT: Answers = {
  "/healthz": [200, '{"ok":true}'],
  "/v1/models": [200, '{"data":[{"id":"auto"}]}'],
  "/v1/chat/completions": [200, "{}"],
};

it("asks for a chat only when it is told to", async () => {
  const asked = await serve(RIGHT);
  expect(await smoke(asked.url, {})).toEqual([
    null,
    "GET /healthz",
    "GET /v1/models without a key is refused",
    "GET /v1/models",
  ]);
  expect(asked.paths).not.toContain("/v1/chat/completions");
  expect((await smoke(asked.url, { isChatAsked: true })).at(-1)).toBe("POST /v1/chat/completions");
  expect(asked.paths).toContain("/v1/chat/completions");
});

it("asks what needs no key without one", async () => {
  const { url } = await serve(RIGHT);
  expect(await smoke(url, { keySecret: null })).toHaveLength(3);
});

it.each<[string, Answers]>([
  ["GET /healthz: answered 404 nobody", { "/healthz": [404, "nobody"] }],
  ["GET /v1/models: answered 503 {}", { "/v1/models": [503, "{}"] }],
  [
    "POST /v1/chat/completions: answered 502 no upstream",
    { "/v1/chat/completions": [502, "no upstream"] },
  ],
])("says %s", async (problem, wrong) => {
  const { url } = await serve({ ...RIGHT, ...wrong });
  expect((await smoke(url, { isChatAsked: true }))[0]).toBe(problem);
});

it("says that a door stands open which must not", async () => {
  const { url } = await serve(RIGHT, false);
  expect((await smoke(url, {}))[0]).toContain("without a key is refused: answered 200");
});

it("says that nobody answers", async () => {
  const { url } = await serve(RIGHT);
  server?.close();
  server?.closeAllConnections();
  expect((await smoke(url, {}))[0]).toBe("GET /healthz: no answer (ECONNREFUSED)");
});

async function smoke(
  url: string,
  more: { readonly keySecret?: string | null; readonly isChatAsked?: boolean },
): Promise<readonly (string | null)[]> {
  const passed: string[] = [];
  const settings = { url, keySecret: KEY, isChatAsked: false, waitMs: 0, ...more };
  return [await smokeTest(settings, (name) => passed.push(name)), ...passed];
}

async function serve(answers: Answers, isLocked = true) {
  const paths: string[] = [];
  const answer: RequestListener = (request, response) => {
    const path = request.url ?? "";
    paths.push(path);
    const isRefused =
      isLocked && path !== "/healthz" && request.headers.authorization !== `Bearer ${KEY}`;
    const [status, text] = isRefused ? [401, "no key"] : (answers[path] ?? [404, ""]);
    response.writeHead(status, { connection: "close" }).end(text);
  };
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, paths };
}
