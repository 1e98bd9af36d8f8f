// Reads one model's recorded runs in all four modes from beside the repository.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { DATA_FOLDER } from "../../classifiers/train/recorded.ts";
import type { Mode } from "../mode.ts";

export interface Run {
  /** 0 or 1, or the share of samples that were right. */
  readonly correct: number;
  readonly outputTokens: number;
}

/** ARM's names for what we call modes. */
const MODE_OF: ReadonlyMap<string, Mode> = new Map([
  ["direct", "direct"],
  ["cot", "short"],
  ["code", "code"],
  ["long_cot", "long"],
]);

/** By query id, only queries that ran in every mode. */
export function readRuns(
  model: string,
  sources: readonly string[],
): Map<string, Readonly<Record<Mode, Run>>> {
  const found = new Map<string, Partial<Record<Mode, Run>>>();
  const bytes = gunzipSync(readFileSync(resolve(DATA_FOLDER, "outcomes.jsonl.gz")));
  // The file unpacked is longer than a string may be, so it is cut into lines as bytes.
  for (let from = 0, to = bytes.indexOf(10); to >= 0; from = to + 1, to = bytes.indexOf(10, from)) {
    const line = bytes.toString("utf8", from, to);
    if (
      !line.includes(`"${model}"`) ||
      !sources.some((source) => line.startsWith(`{"id":"${source}:`))
    )
      continue;
    const row = JSON.parse(line) as {
      id: string;
      model: string;
      mode: string;
      correct?: number;
      out_tokens?: number;
    };
    const mode = MODE_OF.get(row.mode);
    if (
      row.model !== model ||
      mode === undefined ||
      row.correct === undefined ||
      row.out_tokens === undefined
    )
      continue;
    const runs = found.get(row.id) ?? {};
    runs[mode] = { correct: row.correct, outputTokens: row.out_tokens };
    found.set(row.id, runs);
  }
  const complete = new Map<string, Readonly<Record<Mode, Run>>>();
  for (const [id, { direct, short, code, long }] of found) {
    if (direct && short && code && long) complete.set(id, { direct, short, code, long });
  }
  return complete;
}
