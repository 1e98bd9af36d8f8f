// The rows of what isolates found of a tenant's prompts: the last that each of them told, counts and a word and never text.
import { FINDINGS_KEPT_MS, type ModelFinding } from "../policies/prefix/findings.ts";

export const PROMPT_FINDINGS_STEP = `CREATE TABLE prompt_findings (
isolate TEXT PRIMARY KEY,
at_ms INTEGER NOT NULL,
findings TEXT NOT NULL
) STRICT, WITHOUT ROWID;`;

/** More isolates than serve one tenant in a day, unless it is a large one; then those that told last. */
const ISOLATES_MAX = 64;
/** Of one isolate: 16 kinds of prompts for each of some models, those of most prompts first; 10 KB. */
export const FINDINGS_MAX = 32;

/** Takes the place of what the isolate told before, whose prompts are among these. */
export function keepFindings(
  sql: SqlStorage,
  isolate: string,
  found: readonly ModelFinding[],
  atMs: number,
): void {
  sql.exec(
    "INSERT INTO prompt_findings (isolate, at_ms, findings) VALUES (?, ?, ?) " +
      "ON CONFLICT (isolate) DO UPDATE SET at_ms = excluded.at_ms, findings = excluded.findings",
    isolate,
    atMs,
    JSON.stringify(found.slice(0, FINDINGS_MAX)),
  );
  sql.exec(
    "DELETE FROM prompt_findings WHERE isolate NOT IN " +
      "(SELECT isolate FROM prompt_findings ORDER BY at_ms DESC, isolate LIMIT ?)",
    ISOLATES_MAX,
  );
}

export function forgetFindings(sql: SqlStorage, nowMs: number): void {
  sql.exec("DELETE FROM prompt_findings WHERE at_ms <= ?", nowMs - FINDINGS_KEPT_MS);
}

export function readFindings(sql: SqlStorage, nowMs: number): ModelFinding[] {
  return sql
    .exec<{ findings: string }>(
      "SELECT findings FROM prompt_findings WHERE at_ms > ?",
      nowMs - FINDINGS_KEPT_MS,
    )
    .toArray()
    .flatMap(({ findings }) => JSON.parse(findings) as ModelFinding[]);
}

/** When the first of them is too old; null where there is none. */
export function findingsEndMs(sql: SqlStorage): number | null {
  const [oldest] = sql
    .exec<{ at_ms: number | null }>("SELECT MIN(at_ms) AS at_ms FROM prompt_findings")
    .toArray();
  return oldest?.at_ms === null || oldest === undefined ? null : oldest.at_ms + FINDINGS_KEPT_MS;
}
