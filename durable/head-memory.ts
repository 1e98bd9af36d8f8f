// What a head has learned and counted, as it lies in memory and in its one row.
import { GENERATION_MS, newFigures, type Figures } from "../policies/head/figures.ts";
import { decodeHead, emptyHead, encodeHead, type Head as Learned } from "../policies/head/state.ts";
import { logError } from "./log.ts";

export interface Memory {
  /** Raised whenever what was learned or whether it is frozen changes. */
  revision: number;
  /** Since the last reset. */
  lessons: number;
  isFrozen: boolean;
  learned: Learned;
  figures: Figures;
  earlier: Figures | null;
}

interface Row extends Record<string, SqlStorageValue> {
  readonly revision: number;
  readonly lessons: number;
  readonly is_frozen: number;
  readonly state: ArrayBuffer | null;
  readonly figures: string;
  readonly earlier: string | null;
}

export function readMemory(sql: SqlStorage, nowMs: number): Memory {
  const [row] = sql.exec<Row>("SELECT * FROM head").toArray();
  if (row === undefined) return freshMemory(0, false, nowMs);
  const learned = row.state === null ? null : decodeHead(new Uint8Array(row.state));
  if (row.state !== null && learned === null) {
    logError("head-forgotten", { problem: "it is of another version" });
    // They taught what is gone, so that what is still heard of them teaches anew.
    sql.exec("UPDATE decision SET is_taught = 0");
  }
  return {
    revision: row.revision,
    // What is of another version is learned anew, and never misread.
    lessons: learned === null ? 0 : row.lessons,
    isFrozen: row.is_frozen === 1,
    learned: learned ?? emptyHead([]),
    figures: JSON.parse(row.figures) as Figures,
    earlier: row.earlier === null ? null : (JSON.parse(row.earlier) as Figures),
  };
}

export function freshMemory(revision: number, isFrozen: boolean, nowMs: number): Memory {
  return {
    revision,
    lessons: 0,
    isFrozen,
    learned: emptyHead([]),
    figures: newFigures(0, nowMs),
    earlier: null,
  };
}

export function writeMemory(sql: SqlStorage, memory: Memory): void {
  const { revision, lessons, isFrozen, learned, figures, earlier } = memory;
  const told = [
    JSON.stringify(figures),
    earlier === null ? null : JSON.stringify(earlier),
  ] as const;
  // The state is the most of it (some 55 kB an arm), and stands where nothing was learned.
  const { rowsWritten } = sql.exec(
    "UPDATE head SET figures = ?, earlier = ? WHERE revision = ?",
    ...told,
    revision,
  );
  if (rowsWritten > 0) return;
  sql.exec(
    "INSERT OR REPLACE INTO head (id, revision, lessons, is_frozen, state, figures, earlier) VALUES (1, ?, ?, ?, ?, ?, ?)",
    revision,
    lessons,
    isFrozen ? 1 : 0,
    lessons === 0 ? null : encodeHead(learned).slice().buffer,
    ...told,
  );
}

/** Begins a new generation of figures when the standing one is over; one that nothing came to for long is dropped. */
export function turnFigures(memory: Memory, nowMs: number): void {
  const { figures } = memory;
  if (nowMs < figures.sinceMs + GENERATION_MS) return;
  memory.earlier = nowMs < figures.sinceMs + 2 * GENERATION_MS ? figures : null;
  memory.figures = newFigures(figures.generation + 1, nowMs);
}
