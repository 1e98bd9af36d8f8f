// Reads the recorded queries from beside the repository, with their signals; none of them ever enters it.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Kind } from "../features.ts";

/** The data's own field names; see its MANIFEST. */
export interface RecordedQuery {
  readonly id: string;
  readonly source: string;
  readonly text: string;
  readonly kind4: Kind;
  readonly fold: "train" | "test";
  readonly trainable: boolean;
  readonly lang?: string;
  readonly level?: string;
  readonly group: string;
  readonly topic?: string;
  readonly p_ref?: number;
  readonly n_solvers?: number;
  readonly exp_cot_tokens?: number;
  readonly n_len?: number;
}

export const DATA_FOLDER = resolve(import.meta.dirname, "../../../shared/data");

/** Null when the data is not there, which on most machines it is not. */
export function readQueries(): RecordedQuery[] | null {
  const file = resolve(DATA_FOLDER, "queries.jsonl.gz");
  if (!existsSync(file)) return null;
  return readLines(file) as RecordedQuery[];
}

export function readLines(gzipFile: string): unknown[] {
  const lines = gunzipSync(readFileSync(gzipFile)).toString("utf8").split("\n");
  return lines.filter((line) => line !== "").map((line): unknown => JSON.parse(line));
}

/** Below three solvers, or in Chinese for English-centric models, a recorded pass rate says little (MANIFEST). */
export function hasDifficulty(query: RecordedQuery): boolean {
  return query.p_ref !== undefined && (query.n_solvers ?? 0) >= 3 && query.lang !== "zh";
}

export function hasTokens(query: RecordedQuery): boolean {
  return (query.exp_cot_tokens ?? 0) > 0 && (query.n_len ?? 0) >= 2 && query.lang !== "zh";
}
