// A body comes as bytes, at its sender's pace, beside others: what is read, what is refused, and what is given back.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readBody } from "../../../worker/request-body.ts";
import { Patience } from "../../../worker/stream/patience.ts";

const MEBIBYTE = 1024 * 1024;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A request whose body comes when it is told to. */
function slowRequest(headers: Record<string, string> = {}) {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => {
      controller = given;
    },
  });
  const request = new Request("http://x/", {
    method: "POST",
    body,
    headers,
    duplex: "half",
  } as RequestInit);
  return {
    request,
    send: (bytes: Uint8Array | number) =>
      controller.enqueue(typeof bytes === "number" ? new Uint8Array(bytes).fill(97) : bytes),
    end: () => controller.close(),
    fail: () => controller.error(new Error("The connection broke.")),
  };
}

function reading(request: Request, bytesMax: number): ReturnType<typeof readBody> {
  return readBody(request, bytesMax, new Patience());
}

async function soon(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1);
}

it("reads text whose characters are cut between chunks", async () => {
  const { request, send, end } = slowRequest();
  for (const byte of new TextEncoder().encode("\ufeffcaf\u00e9 \u{1f600}"))
    send(Uint8Array.of(byte));
  end();
  expect(await reading(request, 100)).toBe("caf\u00e9 \u{1f600}");
});

it.each([
  { name: "stands alone", bytes: [0xc3, 0x28] },
  { name: "is cut off at the end", bytes: [97, 0xf0, 0x9f] },
])("refuses what is not UTF-8: a byte that $name", async ({ bytes }) => {
  const { request, send, end } = slowRequest();
  send(Uint8Array.from(bytes));
  end();
  expect(await reading(request, 100)).toMatchObject({ kind: "invalid-field", field: "body" });
});

it("refuses what is larger than it may be, by its word or by its bytes, without waiting for the rest for long", async () => {
  const forged = slowRequest({ "content-length": "101" });
  const byWord = reading(forged.request, 100);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await byWord).toEqual({ kind: "body-too-large", bytesMax: 100 });
  const { request, send } = slowRequest();
  send(60);
  send(41);
  const byBytes = reading(request, 100);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(await byBytes).toEqual({ kind: "body-too-large", bytesMax: 100 });
});

it("takes the rest of what is too large before it refuses, so that who writes first hears why", async () => {
  const { request, send, end } = slowRequest({ "content-length": "300" });
  let isRefused = false;
  const read = reading(request, 100).finally(() => {
    isRefused = true;
  });
  send(200);
  await soon();
  expect(isRefused).toBe(false);
  send(100);
  end();
  expect(await read).toEqual({ kind: "body-too-large", bytesMax: 100 });
});

it("has nobody to answer when the connection breaks", async () => {
  const { request, send, fail } = slowRequest();
  send(10);
  const read = reading(request, 100);
  await soon();
  fail();
  expect(await read).toEqual({ kind: "client-left" });
});

it("gives up on a body after a minute, however it trickles", async () => {
  const { request, send } = slowRequest();
  const read = reading(request, 100);
  for (let second = 0; second < 59; second += 1) {
    send(1);
    await vi.advanceTimersByTimeAsync(1000);
  }
  send(1);
  await vi.advanceTimersByTimeAsync(1001);
  expect(await read).toEqual({ kind: "body-late", waitedMs: 60_000 });
});

it("reads 32 mebibytes of bodies at once, and lets small ones pass beside them", async () => {
  const large = Array.from({ length: 3 }, () => slowRequest());
  const reads = large.map(({ request }) => reading(request, 12 * MEBIBYTE));
  for (const { send } of large) send(10.5 * MEBIBYTE);
  await soon();

  const fourth = slowRequest();
  fourth.send(MEBIBYTE);
  expect(await reading(fourth.request, 12 * MEBIBYTE)).toEqual({
    kind: "memory-busy",
    retryAfterMs: 2000,
  });
  const small = slowRequest();
  small.send(256 * 1024);
  small.end();
  expect(await reading(small.request, 12 * MEBIBYTE)).toHaveLength(256 * 1024);

  for (const { end } of large) end();
  for (const text of await Promise.all(reads)) expect(text).toHaveLength(10.5 * MEBIBYTE);
  const next = slowRequest();
  next.send(11 * MEBIBYTE);
  next.end();
  expect(await reading(next.request, 12 * MEBIBYTE)).toHaveLength(11 * MEBIBYTE);
});

it("reads a body of a declared length in one piece, and says when that is not UTF-8 or breaks off", async () => {
  const text = "caf\u00e9".repeat(100);
  const bytes = new TextEncoder().encode(text);
  const declared = (body: Uint8Array) => {
    const slow = slowRequest({ "content-length": String(body.length) });
    slow.send(body);
    return slow;
  };
  const whole = declared(bytes);
  whole.end();
  expect(await reading(whole.request, 1000)).toBe(text);

  const invalid = declared(bytes.subarray(0, bytes.length - 1));
  invalid.end();
  expect(await reading(invalid.request, 1000)).toEqual({
    kind: "invalid-field",
    field: "body",
    problem: "must be UTF-8",
  });

  const broken = declared(bytes);
  broken.fail();
  expect(await reading(broken.request, 1000)).toEqual({ kind: "client-left" });
});

it("gives up on a body of a declared length after a minute as well", async () => {
  const { request, send } = slowRequest({ "content-length": "100" });
  send(60);
  const late = reading(request, 100);
  await vi.advanceTimersByTimeAsync(60_001);
  expect(await late).toEqual({ kind: "body-late", waitedMs: 60_000 });
});

it("sets nothing aside for bodies that are only announced, nor after they were given up", async () => {
  const announced = Array.from({ length: 200 }, () => slowRequest({ "content-length": "262144" }));
  const reads = announced.map(({ request }) => reading(request, 12 * MEBIBYTE));
  for (const { send } of announced) send(1);
  await soon();
  const large = slowRequest({ "content-length": String(2 * MEBIBYTE) });
  large.send(2 * MEBIBYTE);
  large.end();
  expect(await reading(large.request, 12 * MEBIBYTE)).toHaveLength(2 * MEBIBYTE);
  await vi.advanceTimersByTimeAsync(60_001);
  for (const late of await Promise.all(reads)) expect(late).toMatchObject({ kind: "body-late" });

  const slow = Array.from({ length: 40 }, () => slowRequest());
  const gaveUp = slow.map(({ request }) => reading(request, 12 * MEBIBYTE));
  for (const { send } of slow) send(0.7 * MEBIBYTE);
  await vi.advanceTimersByTimeAsync(60_001);
  await Promise.all(gaveUp);
  const next = slowRequest();
  next.send(10 * MEBIBYTE);
  next.end();
  expect(await reading(next.request, 12 * MEBIBYTE)).toHaveLength(10 * MEBIBYTE);
});

it("says that a body must not be compressed, and takes one that says it is not", async () => {
  const packed = slowRequest({ "content-encoding": "gzip", "content-length": "3" });
  expect(await reading(packed.request, 100)).toEqual({
    kind: "invalid-field",
    field: "content-encoding",
    problem: "is gzip; send the body as it is, without the header",
  });
  const plain = slowRequest({ "content-encoding": "identity", "content-length": "3" });
  plain.send(3);
  plain.end();
  expect(await reading(plain.request, 100)).toBe("aaa");
});
