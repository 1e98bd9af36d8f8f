// The floor of any gateway that reads what it passes on: the bare Worker, which here also takes answers in as text and
// parses every event of a stream, and writes what comes in bursts as one write. It decides, holds and counts nothing.
import { Hono } from "hono/tiny";

interface Bindings {
  readonly UPSTREAM_BASE_URL: string;
}

/** As worker/stream/outlet.ts gathers. */
const BURST_MS = 2;
const GATHER_MS = 3;

const decoder = new TextDecoder();
const app = new Hono<{ Bindings: Bindings }>();

app.post("/v1/chat/completions", async (context) => {
  const body: unknown = JSON.parse(await context.req.raw.text());
  const response = await fetch(`${context.env.UPSTREAM_BASE_URL}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const headers = { "content-type": response.headers.get("content-type") ?? "" };
  if (response.body === null || !headers["content-type"].includes("event-stream")) {
    const text = await response.text();
    JSON.parse(text);
    return new Response(text, { headers });
  }
  const { readable, writable } = new IdentityTransformStream();
  context.executionCtx.waitUntil(pump(response.body.getReader(), writable.getWriter()));
  return new Response(readable, { headers });
});

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  let held: Uint8Array[] = [];
  let writing = Promise.resolve();
  let isWriting = false;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let wroteAtMs = 0;
  const flush = (): void => {
    timer = null;
    if (isWriting || held.length === 0) return;
    const bytes = joined(held);
    held = [];
    wroteAtMs = Date.now();
    isWriting = true;
    writing = writer.write(bytes).then(() => {
      isWriting = false;
      if (held.length > 0) timer ??= setTimeout(flush, GATHER_MS);
    });
  };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (const event of decoder.decode(value).split("\n\n"))
      if (event.startsWith("data: {")) JSON.parse(event.slice(6));
    held.push(value);
    if (isWriting || timer !== null) continue;
    if (Date.now() - wroteAtMs <= BURST_MS) timer = setTimeout(flush, GATHER_MS);
    else flush();
  }
  if (timer !== null) clearTimeout(timer);
  while (held.length > 0 || isWriting) {
    flush();
    await writing;
  }
  await writer.close();
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

export default app;
