// One process at a time on a state folder: two runtimes on the same files would each believe their own copy. The lock is
// SQLite's own on a file beside the state, which the system drops with the process, however that ended.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartFailure } from "../failure.ts";

/** SQLITE_BUSY: somebody else holds it. */
const BUSY = 5;

/** Throws when another process has it; answers how to give it back. */
export function lockState(stateFolder: string): () => void {
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const file = join(stateFolder, "lock.sqlite");
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file);
    database.exec("BEGIN EXCLUSIVE");
    const held = database;
    return () => held.close();
  } catch (error) {
    database?.close();
    const { errcode, message } = error as Error & { readonly errcode?: number };
    throw new StartFailure(
      errcode === BUSY
        ? `Another process uses ${stateFolder}; stop it first.`
        : `${file} cannot be locked (${message}).`,
    );
  }
}
