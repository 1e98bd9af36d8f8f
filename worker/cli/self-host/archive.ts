// A state folder as one file, and back. Objects keep their state in SQLite files, which are copied by SQLite itself while
// the gateway runs: each is whole and of one moment. The rest are KV's values, each written once under a name of its own.
// The list that goes along tells a whole backup from a piece of one.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { backup, DatabaseSync } from "node:sqlite";
import * as z from "zod/mini";
import { StartFailure } from "../failure.ts";

const LIST = "sluice-backup.json";
const FORMAT = "sluice-backup-1";
const list = z.strictObject({
  format: z.literal(FORMAT),
  madeAt: z.string(),
  files: z.array(z.strictObject({ path: z.string(), sha256: z.string() })),
});
type List = z.infer<typeof list>;

/** All in one step: another process's write between two steps would begin the copy anew. */
const PAGES_PER_STEP = 0x7fff_ffff;
/** SQLite's own company, which a copy does not need. */
const COMPANION = /\.sqlite-(wal|shm|journal)$/;

/** Answers how many files it holds. */
export async function makeBackup(stateFolder: string, file: string): Promise<number> {
  const storage = join(stateFolder, "storage");
  if (!existsSync(storage)) throw new StartFailure(`${stateFolder} holds no state.`);
  if (existsSync(file)) throw new StartFailure(`${file} is there already.`);
  // Beside its end, so that it arrives there in one step.
  const scratch = await mkdtemp(join(dirname(resolve(file)), ".sluice-backup-"));
  try {
    const staged = join(scratch, "state");
    // Values before and after: one that came or went meanwhile stands in either.
    await copyValues(storage, join(staged, "storage"));
    await copyDatabases(storage, join(staged, "storage"));
    await copyValues(storage, join(staged, "storage"));
    const files = await describe(staged);
    const written: List = { format: FORMAT, madeAt: new Date().toISOString(), files };
    await writeFile(join(staged, LIST), JSON.stringify(written));
    const packed = join(scratch, basename(file));
    await tar(["-czf", packed, "-C", staged, "."]);
    await chmod(packed, 0o600);
    await rename(packed, file);
    return files.length;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

export interface Restored {
  readonly madeAt: string;
  readonly files: number;
  /** Where the state went that stood there before; null when there was none. */
  readonly asideFolder: string | null;
}

/** The caller holds the state's lock. Nothing is moved before everything was checked. */
export async function restoreBackup(
  stateFolder: string,
  file: string,
  now: Date,
): Promise<Restored> {
  const scratch = await mkdtemp(join(stateFolder, ".sluice-restore-"));
  try {
    await tar(["-xzf", resolve(file), "-C", scratch]);
    const { madeAt, files } = await check(scratch, file);
    const storage = join(stateFolder, "storage");
    const aside = join(stateFolder, `storage.before-${now.toISOString().replaceAll(":", "-")}`);
    const isReplaced = existsSync(storage);
    if (isReplaced) await rename(storage, aside);
    await rename(join(scratch, "storage"), storage);
    return { madeAt, files: files.length, asideFolder: isReplaced ? aside : null };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function copyValues(from: string, to: string): Promise<void> {
  for (const path of await filesIn(from)) {
    if (path.endsWith(".sqlite") || COMPANION.test(path)) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(from, path), join(to, path)).catch(unlessGone);
  }
}

async function copyDatabases(from: string, to: string): Promise<void> {
  for (const path of await filesIn(from)) {
    if (!path.endsWith(".sqlite")) continue;
    await mkdir(dirname(join(to, path)), { recursive: true });
    const database = new DatabaseSync(join(from, path), { readOnly: true });
    try {
      await backup(database, join(to, path), { rate: PAGES_PER_STEP });
    } finally {
      database.close();
    }
  }
}

async function check(folder: string, file: string): Promise<List> {
  const wrong = (problem: string) => new StartFailure(`${file} ${problem}. Nothing was changed.`);
  const text = await readFile(join(folder, LIST), "utf8").catch(() => {
    throw wrong("is no backup of Sluice");
  });
  const parsed = z.safeParse(list, JSON.parse(text));
  if (!parsed.success) throw wrong("is of a form that this version cannot read");
  const found = new Map((await describe(folder)).map(({ path, sha256 }) => [path, sha256]));
  found.delete(LIST);
  for (const { path, sha256 } of parsed.data.files) {
    if (found.get(path) !== sha256) throw wrong(`is damaged at ${path}`);
    found.delete(path);
    if (path.endsWith(".sqlite") && !isSound(join(folder, path)))
      throw wrong(`holds a broken database, ${path}`);
  }
  if (found.size > 0) throw wrong(`holds more than its list: ${[...found.keys()][0]}`);
  return parsed.data;
}

function isSound(file: string): boolean {
  const database = new DatabaseSync(file);
  try {
    return database.prepare("PRAGMA quick_check").get()?.["quick_check"] === "ok";
  } finally {
    database.close();
  }
}

async function describe(folder: string): Promise<List["files"]> {
  const described: { path: string; sha256: string }[] = [];
  for (const path of await filesIn(folder)) {
    const hash = createHash("sha256");
    await pipeline(createReadStream(join(folder, path)), hash);
    described.push({ path, sha256: hash.digest("hex") });
  }
  return described;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** A value that KV replaced since it was listed. */
function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

function tar(words: readonly string[]): Promise<void> {
  const child = spawn("tar", words, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (piece: Buffer) => (said += piece.toString("utf8")));
  return new Promise((resolvePromise, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolvePromise();
      else reject(new StartFailure(`tar failed. ${said.trim()}`));
    });
  });
}
