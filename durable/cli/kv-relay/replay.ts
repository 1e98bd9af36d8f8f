// What an engine keeps of its stream for those who missed something, as vLLM gives it: asked for from a number on, it
// sends all that it has from there and then an end mark.
import { Dealer } from "zeromq";

export interface Numbered {
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Of a frame: a million token ids of five bytes, eight times over. */
export const FRAME_BYTES_MAX = 40 * 1024 * 1024;
/** Above vLLM's 10,000 kept batches: it always sends all that it has. */
const BATCHES_MAX = 20_000;
/** The engine answers between two batches, within a tenth of a second where it is idle. */
const WAIT_MS = 5_000;
const SEQUENCE_BYTES = 8;
const END = 2n ** 64n - 1n;

/** Throws what the socket throws: above all when the engine does not answer in time. */
export async function* replay(
  url: string,
  from: number,
  closing: AbortSignal,
): AsyncGenerator<Numbered, void, void> {
  const socket = new Dealer({
    linger: 0,
    maxMessageSize: FRAME_BYTES_MAX,
    receiveTimeout: WAIT_MS,
    sendTimeout: WAIT_MS,
  });
  const close = (): void => socket.close();
  closing.addEventListener("abort", close);
  try {
    socket.connect(url);
    const start = Buffer.alloc(SEQUENCE_BYTES);
    start.writeBigUInt64BE(BigInt(from));
    await socket.send(["", start]);
    for (let left = BATCHES_MAX; left > 0; left--) {
      const frames = await socket.receive();
      if (isEnd(frames)) return;
      const numbered = readFrames(frames);
      if (numbered !== null && numbered.sequence >= from) yield numbered;
    }
  } finally {
    closing.removeEventListener("abort", close);
    socket.close();
  }
}

/** `[topic, sequence, payload]` live, `["", sequence, payload]` or with the topic in a replay: the last two count. */
export function readFrames(frames: readonly Uint8Array[]): Numbered | null {
  const [number, payload] = frames.slice(-2);
  if (number?.length !== SEQUENCE_BYTES || payload === undefined) return null;
  const sequence = Buffer.from(number).readBigUInt64BE();
  return sequence <= BigInt(Number.MAX_SAFE_INTEGER)
    ? { sequence: Number(sequence), payload }
    : null;
}

function isEnd(frames: readonly Uint8Array[]): boolean {
  const number = frames.at(-2);
  return number?.length === SEQUENCE_BYTES && Buffer.from(number).readBigUInt64BE() === END;
}
