// A backup of databases that somebody writes to meanwhile, and restores of files that are not what they say.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeBackup, restoreBackup } from "../../../worker/cli/self-host/archive.ts";

let scratch: string;
let state: string;
let file: string;
const NOW = new Date("2026-11-25T10:00:00Z");
const DATABASE = join("storage", "do", "sluice-Ledger", "a.sqlite");

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "sluice-archive-"));
  state = join(scratch, "state");
  file = join(scratch, "backup");
  await mkdir(join(state, "storage", "do", "sluice-Ledger"), { recursive: true });
  await mkdir(join(state, "storage", "kv", "blobs"), { recursive: true });
  await writeFile(join(state, "storage", "kv", "blobs", "b1"), "a value");
});

afterEach(() => rm(scratch, { recursive: true, force: true }));

it("copies a database as it was at one moment, whatever is written meanwhile", async () => {
  const database = open(join(state, DATABASE));
  database.exec("CREATE TABLE held (n INTEGER); CREATE TABLE spent (n INTEGER)");
  // Two tables that agree after every transaction, filled by another process as fast as it can.
  const writer = spawn(
    process.execPath,
    [
      "-e",
      `const { DatabaseSync } = require("node:sqlite");
       const database = new DatabaseSync(process.argv[1], { timeout: 5000 });
       console.log("writing");
       for (let n = 0; ; n += 1)
         database.exec("BEGIN IMMEDIATE; INSERT INTO held VALUES (" + n + "); INSERT INTO spent VALUES (" + n + "); COMMIT");`,
      join(state, DATABASE),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(writer.stdout, "data");
  try {
    await makeBackup(state, file);
  } finally {
    writer.kill("SIGKILL");
    await once(writer, "close");
  }
  const { n: after } = count(database, "held");
  database.close();

  await restoreBackup(state, file, NOW);
  const restored = open(join(state, DATABASE));
  expect(count(restored, "held")).toEqual(count(restored, "spent"));
  expect(count(restored, "held").n).toBeLessThan(after);
  restored.close();
  expect(await readFile(join(state, "storage", "kv", "blobs", "b1"), "utf8")).toBe("a value");
});

it("puts aside what stood there, whole", async () => {
  open(join(state, DATABASE)).close();
  await makeBackup(state, file);
  await writeFile(join(state, "storage", "since"), "written since");
  const { asideFolder } = await restoreBackup(state, file, NOW);
  expect(asideFolder).toBe(join(state, "storage.before-2026-11-25T10-00-00.000Z"));
  expect(await readFile(join(asideFolder ?? "", "since"), "utf8")).toBe("written since");
  expect(await readdir(join(state, "storage"))).not.toContain("since");
});

it("leaves nothing behind but the file", async () => {
  open(join(state, DATABASE)).close();
  await makeBackup(state, file);
  expect((await readdir(scratch)).sort()).toEqual(["backup", "state"]);
  await restoreBackup(state, file, NOW);
  expect((await readdir(state)).filter((name) => !name.startsWith("storage"))).toEqual([]);
});

it.each<[string, (unpacked: string) => Promise<unknown>, string]>([
  ["is none", (unpacked) => rm(join(unpacked, "sluice-backup.json")), "is no backup of Sluice"],
  [
    "lost a file",
    (unpacked) => rm(join(unpacked, "storage", "kv", "blobs", "b1")),
    "is damaged at storage/kv/blobs/b1",
  ],
  [
    "was changed",
    (unpacked) => writeFile(join(unpacked, "storage", "kv", "blobs", "b1"), "another"),
    "is damaged at storage/kv/blobs/b1",
  ],
  [
    "holds more than its list",
    (unpacked) => writeFile(join(unpacked, "storage", "more"), "more"),
    "holds more than its list: storage/more",
  ],
])("changes nothing by a file that %s", async (_, spoil, problem) => {
  open(join(state, DATABASE)).close();
  await makeBackup(state, file);
  const unpacked = join(scratch, "unpacked");
  await mkdir(unpacked);
  await tar("-xzf", file, "-C", unpacked);
  await spoil(unpacked);
  await tar("-czf", file, "-C", unpacked, ".");
  await expectUnchanged(`${file} ${problem}. Nothing was changed.`);
});

it("changes nothing by half a file", async () => {
  open(join(state, DATABASE)).close();
  await makeBackup(state, file);
  await truncate(file, 300);
  await expectUnchanged("tar failed.");
});

async function expectUnchanged(problem: string): Promise<void> {
  await writeFile(join(state, "storage", "since"), "written since");
  await expect(restoreBackup(state, file, NOW)).rejects.toThrow(problem);
  expect(await readFile(join(state, "storage", "since"), "utf8")).toBe("written since");
  expect(await readdir(state)).toEqual(["storage"]);
}

/** As workerd keeps its objects. */
function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS any_table (n INTEGER)");
  return database;
}

function count(database: DatabaseSync, table: string): { readonly n: number } {
  return { ...(database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }) };
}

async function tar(...words: readonly string[]): Promise<void> {
  const child = spawn("tar", words, { stdio: "ignore" });
  await once(child, "close");
}
