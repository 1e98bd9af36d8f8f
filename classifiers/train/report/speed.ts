// How long one reading takes, in the Node that runs the report; medians of rounds, because others use the machine too.
import { classify } from "../../classify.ts";
import { openWeights, type Weights } from "../../weights.ts";
import { median } from "../rank.ts";
import { table } from "./markdown.ts";

const ROUNDS = 30;
const CALLS = 100;
const SENTENCE =
  "A tram leaves at 8:40 with 32 people; then 3x + 4 of them get off. What is x, and why? ";

export function speedTable(weights: Weights, bytes: Uint8Array): string {
  const texts = [
    ["100 units", SENTENCE.repeat(2).slice(0, 100)],
    ["500 units", SENTENCE.repeat(6).slice(0, 500)],
    ["12,288 units", SENTENCE.repeat(150).slice(0, 12_288)],
    ["32 KB", SENTENCE.repeat(400).slice(0, 32_768)],
    ["1 MB of one letter", "a".repeat(1_048_576)],
    ["500 units beyond ASCII", "Où est la gare, et à quelle heure part le train ? ".repeat(10)],
  ] as const;
  const lines = texts.map(([name, text]) => [
    name,
    `${medianMicros(() => classify(text, weights), CALLS).toFixed(0)} µs`,
  ]);
  lines.push([
    "opening the weights",
    `${(medianMicros(() => openWeights(bytes), 3) / 1000).toFixed(1)} ms`,
  ]);
  return table(["read", "median"], lines);
}

function medianMicros(call: () => unknown, calls: number): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    for (let index = 0; index < calls; index += 1) call();
    return ((performance.now() - started) * 1000) / calls;
  });
  return median(rounds);
}
