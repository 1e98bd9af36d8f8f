// A request's body as text, within bounds of size, time and memory that hold for everybody who sends one.
import { invalidField, type Failure } from "./failure.ts";
import type { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";

/**
 * Bytes of bodies that one isolate reads at once. A body takes up to six times its size until it is parsed and sent on,
 * and an isolate has 128 MB: three of the largest fit, and one that comes on top is told to come again.
 */
const READING_BYTES_MAX = 32 * 1024 * 1024;
/**
 * Bodies up to this size, as agents send them turn by turn, never wait for larger ones: slow senders of large bodies must
 * not close the door to all. Those that say their length are read in one piece, which costs far less.
 */
const ALWAYS_READ_BYTES = 256 * 1024;
/** Of a body that is too large, what is still read to be thrown away: several times what any request may hold. */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;
/** Who sends the rest slower than this has time to read the refusal meanwhile. */
const DISCARDING_MS_MAX = 2_000;
/** About the time that the largest body takes at 1.5 Mbit/s; who sends slower holds memory that others need. */
const READING_MS_MAX = 60_000;
/** Bodies are read in a second or two. */
const BUSY_RETRY_MS = 2000;

const LATE: Failure = { kind: "body-late", waitedMs: READING_MS_MAX };
const BUSY: Failure = { kind: "memory-busy", retryAfterMs: BUSY_RETRY_MS };
const ENCODED = invalidField("content-encoding", "send the body as it is, without the header");
const NOT_UTF8: Failure = invalidField("body", "must be UTF-8");

/** Of all bodies that are being read in this isolate. The one state that requests share here, and no tenant's. */
let readingBytes = 0;

/** Stops at the bound instead of believing `content-length`, which a client may leave out or forge. */
export async function readBody(
  request: Request,
  bytesMax: number,
  patience: Patience,
): Promise<string | Failure> {
  if (request.body === null) return { kind: "malformed-json", position: 0, detail: "it is empty" };
  const declared = request.headers.get("content-length");
  const declaredBytes = Number(declared ?? 0);
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") return { ...ENCODED, problem: `is ${encoding}; ${ENCODED.problem}` };
  if (declared !== null && declaredBytes <= Math.min(bytesMax, ALWAYS_READ_BYTES)) {
    const read = await patience.wait(readWhole(request), READING_MS_MAX);
    return read === TIMED_OUT ? LATE : read;
  }
  const reader = request.body.getReader();
  const reading =
    declaredBytes > bytesMax
      ? refuseLarge(reader, bytesMax, patience)
      : readAll(reader, bytesMax, patience);
  const read = await patience.wait(reading, READING_MS_MAX);
  if (read !== TIMED_OUT) return read;
  await reader.cancel().catch(() => undefined);
  return LATE;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** HTTP's framing holds a body to its length, so nothing is set aside for it before it has come. */
async function readWhole(request: Request): Promise<string | Failure> {
  const read = await request.arrayBuffer().catch(() => null);
  if (read === null) return { kind: "client-left" };
  try {
    return decoder.decode(read);
  } catch {
    return NOT_UTF8;
  }
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
  patience: Patience,
): Promise<string | Failure> {
  // Decoded as it comes: the chunks gathered and joined would be the body twice more.
  const streamed = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const texts: string[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const chunk = await nextChunk(reader);
      if (chunk === null) return { kind: "client-left" };
      const size = chunk.value?.byteLength ?? 0;
      bytes += size;
      readingBytes += size;
      if (bytes > bytesMax) {
        texts.length = 0;
        return await refuseLarge(reader, bytesMax, patience);
      }
      if (readingBytes > READING_BYTES_MAX && bytes > ALWAYS_READ_BYTES) return BUSY;
      texts.push(streamed.decode(chunk.value, { stream: !chunk.done }));
      if (chunk.done) return texts.join("");
    }
  } catch {
    // The decoder is all that can throw here, and it says so of bytes alone.
    return NOT_UTF8;
  } finally {
    readingBytes -= bytes;
  }
}

/**
 * Takes the rest and throws it away before the refusal goes: most clients write their whole body before they read, and
 * would see a broken connection instead of the reason. What is far larger, or slow, is cut off all the same.
 */
async function refuseLarge(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
  patience: Patience,
): Promise<Failure> {
  if ((await patience.wait(discard(reader), DISCARDING_MS_MAX)) === TIMED_OUT)
    await reader.cancel().catch(() => undefined);
  return { kind: "body-too-large", bytesMax };
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (let bytes = 0; bytes <= DISCARDED_BYTES_MAX;) {
    const chunk = await nextChunk(reader);
    if (chunk === null || chunk.done) return;
    bytes += chunk.value?.byteLength ?? 0;
  }
}

/** Null when the connection broke while the client was still sending; there is nobody to answer. */
async function nextChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ done: boolean; value?: Uint8Array | undefined } | null> {
  return reader.read().catch(() => null);
}
