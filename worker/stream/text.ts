// A body read whole as text, within a bound and a clock.
import type { Patience } from "./patience.ts";
import { TIMED_OUT } from "./wait.ts";

export const TOO_LARGE = Symbol("too large");

export interface TextBounds {
  readonly bytesMax: number;
  /** Asked before each wait. */
  readonly waitMs: () => number;
  readonly patience: Patience;
}

/** The response's text; null when the connection broke. */
export async function readText(
  response: Response,
  bounds: TextBounds,
): Promise<string | null | typeof TIMED_OUT | typeof TOO_LARGE> {
  if (response.body === null) return "";
  const declared = response.headers.get("content-length");
  const isPlain = declared !== null && !response.headers.has("content-encoding");
  if (isPlain && Number(declared) <= bounds.bytesMax) {
    // HTTP's framing holds a body to its length, so the runtime may read it in one piece, which costs far less.
    return bounds.patience.wait(
      response.text().catch(() => null),
      bounds.waitMs(),
    );
  }
  return readChunks(response.body.getReader(), bounds);
}

async function readChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { bytesMax, waitMs, patience }: TextBounds,
): Promise<string | null | typeof TIMED_OUT | typeof TOO_LARGE> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const chunk = await patience.wait(
      reader.read().catch(() => null),
      waitMs(),
    );
    if (chunk === TIMED_OUT) return TIMED_OUT;
    if (chunk === null) return null;
    if (chunk.done) return text + decoder.decode();
    bytes += chunk.value.byteLength;
    if (bytes > bytesMax) return TOO_LARGE;
    text += decoder.decode(chunk.value, { stream: true });
  }
}
