// Misbehaviours of single writes, read from the socket itself: what was one write is one chunk.
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { chatBody, eventsOf, joinField } from "./ask.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(noLatency);
});
afterAll(() => simulator.close());

/** The sizes of HTTP chunks and their bytes: what was one write stays one chunk. */
async function rawChunks(name: string): Promise<Buffer[]> {
  const body = JSON.stringify(
    chatBody(`What is 48 * 17 + 5? Answer with only the final answer. [[sim:${name}]]`, {
      stream: true,
    }),
  );
  const socket = connect(simulator.port, "127.0.0.1");
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const received: Buffer[] = [];
  socket.on("data", (data: Buffer) => received.push(data));
  await once(socket, "close");
  let rest = Buffer.concat(received);
  rest = rest.subarray(rest.indexOf("\r\n\r\n") + 4);
  const chunks: Buffer[] = [];
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, lineEnd).toString(), 16);
    if (!(size > 0)) return chunks;
    chunks.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    rest = rest.subarray(lineEnd + 2 + size + 2);
  }
}

function endsInsideCharacter(bytes: Buffer): boolean {
  return bytes.toString().endsWith("\ufffd");
}

test("split-utf8 really ends writes inside characters, and the whole is sound", async () => {
  const chunks = await rawChunks("split-utf8");
  expect(chunks.filter(endsInsideCharacter).length).toBeGreaterThanOrEqual(5);
  const whole = Buffer.concat(chunks).toString();
  expect(whole).not.toContain("\ufffd");
  expect(joinField(eventsOf(whole).events, "content")).toMatch(/^Voilà ✓ 数学 😀\n/);
  expect((await rawChunks("comments")).some(endsInsideCharacter)).toBe(false);
});

test("one-byte writes each byte alone, up to its bound", async () => {
  const chunks = await rawChunks("one-byte");
  expect(chunks.every((chunk) => chunk.length === 1)).toBe(true);
  expect(eventsOf(Buffer.concat(chunks).toString()).done).toBe(true);
});
