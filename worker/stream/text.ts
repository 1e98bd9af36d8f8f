// A body read whole as text, within a bound and a clock.
import { TIMED_OUT, within } from "./wait.ts";

export const TOO_LARGE = Symbol("too large");

/** The text; null when the connection broke. `waitMs` is asked before each chunk. */
export async function readText(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytesMax: number,
  waitMs: () => number,
): Promise<string | null | typeof TIMED_OUT | typeof TOO_LARGE> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const chunk = await within(
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
