// curl, as a person pastes it: the command that `npm start` prints, and the ones that the README shows.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { greet } from "../../../worker/cli/greet.ts";
import type { UsageFields } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const run = promisify(execFile);
const REQUEST =
  '{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "What is 17 times 24?"}]}';

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

test("the command that a start prints answers when it is pasted", async () => {
  const { stdout } = await run("sh", ["-c", printedCommand()]);
  const answer = JSON.parse(stdout) as {
    choices: readonly { message: { content: string } }[];
    usage: UsageFields;
  };

  expect(answer.choices[0]?.message.content).toMatch(/\d/);
  expect(answer.usage.total_tokens).toBeGreaterThan(0);
});

test("curl -N prints a stream's events to [DONE]", async () => {
  const { stdout } = await curl("-N", "-d", REQUEST);
  const events = stdout.split("\n\n").filter(Boolean);

  expect(events.length).toBeGreaterThan(2);
  expect(events.at(-1)).toBe("data: [DONE]");
  expect(events.slice(0, -1).every((event) => event.startsWith("data: {"))).toBe(true);
});

test("curl -i shows what was chosen", async () => {
  const { stdout } = await curl("-i", "-d", REQUEST.replace('"auto"', '"auto:long"'));

  expect(stdout).toMatch(/^HTTP\/1\.1 200/);
  expect(stdout).toMatch(/^x-sluice-mode: long\r$/m);
  expect(stdout).toMatch(/^x-sluice-model: deep\r$/m);
});

test("curl with -H x-sluice-explain: 1 gets the reasons in the body", async () => {
  const { stdout } = await curl(
    "-H",
    "x-sluice-explain: 1",
    "-d",
    REQUEST.replace('"stream": true', '"stream": false'),
  );

  expect(
    (JSON.parse(stdout) as { sluice: { choice: { ladder: readonly { because: string }[] } } })
      .sluice.choice.ladder[0]?.because,
  ).toMatch(/\.$/);
});

test("curl --fail-with-body fails on a refusal and still shows its reason", async () => {
  const failed = await curl("--fail-with-body", "-d", "{").catch((error: unknown) => error);

  expect(failed).toMatchObject({
    code: 22,
    stdout: expect.stringContaining('"code":"invalid_json"') as string,
  });
});

test("curl -I finds the root", async () => {
  const { stdout } = await run("curl", ["-sS", "-I", `${gateway.url}/`]);

  expect(stdout).toMatch(/^HTTP\/1\.1 200/);
});

function curl(...words: readonly string[]): Promise<{ readonly stdout: string }> {
  return run("curl", [
    "-sS",
    `${gateway.url}/v1/chat/completions`,
    "-H",
    `authorization: Bearer ${gateway.secret}`,
    "-H",
    "content-type: application/json",
    ...words,
  ]);
}

/** From `curl` to the end of its last line. */
function printedCommand(): string {
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const { url, secret } = gateway;
  greet({ url, secret, upstream: "the simulator", adminSecretFile: "a file" });
  const printed = log.mock.calls.map(([line]) => String(line)).join("\n");
  log.mockRestore();
  const command = /^ *curl [\s\S]*?(?<!\\)$/m.exec(printed)?.[0];
  if (command === undefined) throw new Error(`A start prints no curl:\n${printed}`);
  return command;
}
