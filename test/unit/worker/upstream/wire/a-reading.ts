// What the tests of reading share: one event as an upstream writes it, and what reading many of them comes to.
import type { Delta } from "../../../../../worker/dialect/dialect.ts";
import { AnswerReader, type Reading } from "../../../../../worker/upstream/wire/read.ts";

export type Chunk = Extract<Reading, { kind: "chunk" }>;

export function chunkOf(reading: Reading): Chunk {
  if (reading.kind !== "chunk") throw new Error(`It is ${reading.kind}.`);
  return reading;
}

export function say(delta: object, finish: string | null = null, index = 0): string {
  return JSON.stringify({ choices: [{ index, delta, finish_reason: finish }] });
}

export function readAll(events: readonly string[], reader = new AnswerReader()): Delta[] {
  return events.flatMap((data) => [...chunkOf(reader.readEvent(data)).deltas]);
}
