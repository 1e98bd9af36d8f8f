// The relay as it is started, by npm: it says soon that its engine is not there, and ends with the npm that ran it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
/** It says so after five seconds; a shared machine may stretch that. */
const SOON = { timeout: 30_000, interval: 50 };

let group: number | undefined;
afterEach(() => {
  try {
    // What npm left behind, if it did.
    if (group !== undefined) process.kill(-group, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
  group = undefined;
});

it("says where it finds no engine, and is gone when npm is told to end", async () => {
  const port = await portOfNobody();
  const words = ["--gateway", `http://127.0.0.1:${port}`, "--pool", "pool", "--replica", "r0"];
  const events = ["--model", "m", "--events", `tcp://127.0.0.1:${port}`];
  const npm = spawn("npm", ["run", "kv-relay", "--", ...words, ...events], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      SLUICE_POOL_SECRET: "secret-of-a-pool-in-a-journey-012345",
      SLUICE_RELAY_TOKEN: "relay-token-of-a-journey-0123456789",
    },
    stdio: ["ignore", "ignore", "pipe"],
    // A group of its own, by which what npm leaves behind can be ended.
    detached: true,
  });
  group = npm.pid;
  let said = "";
  npm.stderr.on("data", (chunk) => (said += String(chunk)));
  await expect.poll(() => said, SOON).toContain('"event":"kv-relay.not-connected"');
  expect(said).toContain(`tcp://127.0.0.1:${port}`);
  // Its standard error closes when nobody is left who could write to it.
  const closed = once(npm, "close");
  npm.kill("SIGTERM");
  await closed;
  expect(said).toContain('"event":"kv-relay.report"');
}, 60_000);

async function portOfNobody(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
