// Event streams as no engine should send them, and what the gateway promises of each: the bytes come out as they
// went in, the events do not depend on how the network cut them, and a reader of them never throws.
import { isDeepStrictEqual } from "node:util";
import { SseSplitter, type SseEvent } from "../../../worker/stream/sse.ts";
import { readErrorText } from "../../../worker/upstream/wire/read-error.ts";
import { AnswerReader, type Reading } from "../../../worker/upstream/wire/read.ts";
import type { Chance } from "./fuzz-chance.ts";

const ENDS = ["\n", "\n", "\r\n", "\r"];
const TEXTS = [
  "",
  "a",
  " ",
  "\n",
  "<think>",
  "<thi",
  "nk>",
  "</think>",
  "</",
  "\u00e9\u{1f600}",
  "[DONE]",
  "data: x\n\n",
];
const JUNK = [
  "",
  ": ping",
  "event: error",
  "id: 7",
  "data",
  "data:",
  "data: [DONE]",
  "data:[DONE]",
  "retry: 1",
  "data: {",
  "data: null",
  "data: [1]",
];

export function fuzzStream(chance: Chance): Uint8Array {
  let text = "";
  for (let left = chance.whole(12); left > 0; left -= 1) {
    const end = chance.pick(ENDS);
    const lines = chance.once(3)
      ? [chance.pick(JUNK), chance.pick(JUNK)]
      : [`data:${chance.pick(["", " "])}${fuzzChunk(chance)}`];
    text += lines.map((line) => line + end).join("");
    if (!chance.once(8)) text += chance.once(6) ? chance.pick(ENDS) : end;
  }
  const bytes = new TextEncoder().encode(text);
  for (let left = chance.once(3) ? chance.whole(5) : 0; left > 0 && bytes.length > 0; left -= 1)
    bytes[chance.whole(bytes.length)] = chance.pick([0, 10, 13, 0xc3, 0xff, 0xef, 123]);
  return chance.once(5) ? bytes.subarray(0, chance.whole(bytes.length + 1)) : bytes;
}

/** One chunk as text: each field right, absent, or of a kind that no reader expects. */
export function fuzzChunk(chance: Chance): string {
  const odd = (): unknown => chance.pick<unknown>([null, 0, -1, 1e300, "x", [], {}, [null], true]);
  const or = (value: () => unknown): unknown => (chance.once(8) ? odd() : value());
  const said = (): unknown => ({
    ...(chance.once(2) ? { content: or(() => chance.pick(TEXTS)) } : {}),
    ...(chance.once(4) ? { reasoning_content: or(() => chance.pick(TEXTS)) } : {}),
    ...(chance.once(4) ? { reasoning: or(() => chance.pick(TEXTS)) } : {}),
    ...(chance.once(5)
      ? {
          tool_calls: or(() => [
            or(() => ({
              index: or(() => 0),
              id: or(() => "c"),
              function: or(() => ({ name: or(() => "f"), arguments: or(() => "{}") })),
            })),
          ]),
        }
      : {}),
  });
  const choice = (): unknown => ({
    index: or(() => chance.whole(3)),
    [chance.once(6) ? "message" : "delta"]: or(said),
    finish_reason: chance.once(5) ? or(() => "stop") : null,
  });
  return JSON.stringify({
    ...(chance.once(12)
      ? {}
      : { choices: or(() => Array.from({ length: chance.whole(3) }, () => or(choice))) }),
    ...(chance.once(4)
      ? {
          usage: or(() => ({
            prompt_tokens: or(() => 5),
            completion_tokens: or(() => 6),
            prompt_tokens_details: or(() => ({ cached_tokens: or(() => 2) })),
          })),
        }
      : {}),
    ...(chance.once(15)
      ? { error: or(() => ({ message: or(() => "no"), code: or(() => 429) })) }
      : {}),
    ...(chance.once(40) ? { object: "error", message: odd() } : {}),
  });
}

/** The bytes in chunks: tiny ones, large ones, empty ones. */
export function cut(bytes: Uint8Array, chance: Chance): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const sizeMax = chance.pick([1, 2, 5, 40, 10_000]);
  for (let at = 0; at < bytes.length;) {
    const size = Math.min(bytes.length - at, chance.once(20) ? 0 : 1 + chance.whole(sizeMax));
    // A copy, so that one chunk's bytes are not by chance the next one's room.
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return chunks;
}

export function split(chunks: readonly Uint8Array[]): SseEvent[] {
  const splitter = new SseSplitter();
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const rest = splitter.rest();
  return rest === null ? events : [...events, rest];
}

/** What is wrong with how a stream was split and read; null when every promise is kept. */
export function streamProblem(bytes: Uint8Array, chance: Chance): string | null {
  const whole = split([bytes]);
  const pieces = split(cut(bytes, chance));
  if (!Buffer.concat(pieces.map((event) => event.bytes)).equals(bytes))
    return "the bytes that came out are not those that went in";
  if (!isDeepStrictEqual(pieces.map(shown), whole.map(shown)))
    return "the events depend on how the stream was cut";
  const reader = new AnswerReader();
  const texts = whole.flatMap(({ data }) => (data === null ? [] : [data]));
  for (const text of texts) {
    const problem =
      readingProblem(reader.readEvent(text)) ?? readingProblem(new AnswerReader().readBody(text));
    if (problem !== null) return problem;
    if (readErrorText(text).message === "") return "an error has a message that says nothing";
  }
  const { seenTokens, seenReasoningTokens } = reader;
  return seenTokens >= seenReasoningTokens && seenReasoningTokens >= 0
    ? null
    : "more reasoning than output was counted";
}

function shown({ bytes, data }: SseEvent): { bytes: string; data: string | null } {
  return { bytes: Buffer.from(bytes).toString("latin1"), data };
}

function readingProblem(reading: Reading): string | null {
  if (reading.kind !== "chunk") return null;
  const saysNothing = reading.deltas.every(({ kind }) => kind === "usage");
  return saysNothing || reading.isReal ? null : "a chunk that says something is not real";
}
