// Cuts a byte stream into server-sent events without changing a byte. Knows line ends and `data:` lines, no model.

/** The largest event that is held while its end is awaited: far above any real chunk, small beside 128 MB. */
export const EVENT_BYTES_MAX = 1_048_576;

export interface SseEvent {
  /** The event as it came, its closing blank line included. */
  readonly bytes: Uint8Array;
  /** Its `data:` lines joined by newlines; null for comments and other events without data. */
  readonly data: string | null;
}

const LF = 10;
const CR = 13;

export class SseSplitter {
  /** What no blank line has closed yet. */
  #held: Uint8Array = new Uint8Array(0);
  /** Where `#held` lies when it was gathered from several chunks; it has room behind, so that a chunk is copied once. */
  #store: Uint8Array | null = null;
  /** How far `#held` was searched already, so that many small chunks do not cost a search each of the whole. */
  #searched = 0;
  readonly #decoder = new TextDecoder();

  /** The events that are complete now. Throws never; `isOverfull` says when an event outgrew its bound. */
  push(chunk: Uint8Array): SseEvent[] {
    this.#append(chunk);
    const events: SseEvent[] = [];
    let start = 0;
    for (;;) {
      const end = eventEnd(this.#held, Math.max(start, this.#searched));
      if (end === -1) break;
      events.push(this.#event(this.#held.subarray(start, end)));
      start = end;
      this.#searched = start;
    }
    if (start > 0) this.#held = this.#held.subarray(start);
    // The blank line may straddle the chunks: the last three bytes are looked at again.
    this.#searched = Math.max(0, this.#held.length - 3);
    return events;
  }

  get isOverfull(): boolean {
    return this.#held.length > EVENT_BYTES_MAX;
  }

  /** What stood after the last blank line when the stream ended; null when nothing did. */
  rest(): SseEvent | null {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    this.#store = null;
    this.#searched = 0;
    return rest.length === 0 ? null : this.#event(rest);
  }

  #append(chunk: Uint8Array): void {
    if (this.#held.length === 0) {
      this.#held = chunk;
      this.#store = null;
      return;
    }
    const start = this.#held.byteOffset;
    const length = this.#held.length + chunk.length;
    if (this.#store === null || start + length > this.#store.length) {
      // Twice the need, so that tiny chunks cost no copy of the whole each. Events given out keep the old bytes.
      this.#store = new Uint8Array(length * 2);
      this.#store.set(this.#held, 0);
      this.#store.set(chunk, this.#held.length);
      this.#held = this.#store.subarray(0, length);
      return;
    }
    this.#store.set(chunk, start + this.#held.length);
    this.#held = this.#store.subarray(start, start + length);
  }

  #event(bytes: Uint8Array): SseEvent {
    return { bytes, data: dataOf(this.#decoder.decode(bytes)) };
  }
}

/** Behind the first blank line at or after `from`, or -1. A blank line is LF LF, CR CR, or CR LF CR LF. */
function eventEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 1 < bytes.length; at += 1) {
    const unit = bytes[at];
    if (unit !== LF && unit !== CR) continue;
    const next = bytes[at + 1];
    if (unit === LF && next === LF) return at + 2;
    if (unit === LF && next === CR) {
      // A lone CR ends a line as well; only the byte behind it tells whether it is half of a CR LF.
      if (at + 2 >= bytes.length) return -1;
      return bytes[at + 2] === LF ? at + 3 : at + 2;
    }
    if (unit === CR && next === CR) return at + 2;
  }
  return -1;
}

function dataOf(text: string): string | null {
  // The common event is one line that ends in LF LF; it is worth not splitting it.
  if (text.startsWith("data: ") && text.indexOf("\n") === text.length - 2 && !text.includes("\r"))
    return text.slice(6, -2);
  const lines = text.split(/\r\n|\n|\r/);
  let data: string | null = null;
  for (const line of lines) {
    if (!line.startsWith("data:")) continue;
    const value = line.charCodeAt(5) === 32 ? line.slice(6) : line.slice(5);
    data = data === null ? value : `${data}\n${value}`;
  }
  return data;
}

const encoder = new TextEncoder();

/** An event of our own. */
export function writeEvent(data: string): Uint8Array {
  return encoder.encode(`data: ${data}\n\n`);
}

/** A comment: clients skip it, but middle boxes and the runtime see that the stream lives. */
export function writeComment(text: string): Uint8Array {
  return encoder.encode(`: ${text}\n\n`);
}
