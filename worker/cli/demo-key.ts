// Keeps the key that `npm start` prints: made at random once, then read again, so that a pasted command
// still works after a restart. It stands in the state folder, which git ignores; KV gets only its hash.
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StartFailure } from "./failure.ts";

/** As much as a guess could never try. */
const SECRET_BYTES = 24;
const SECRET_SHAPE = /^sk-sluice-[A-Za-z0-9_-]{32}$/;

export async function keepDemoKey(stateFolder: string): Promise<string> {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const file = join(stateFolder, "demo-key");
  const kept = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  if (kept === null) {
    const made = `sk-sluice-${randomBytes(SECRET_BYTES).toString("base64url")}`;
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: "wx" });
    return made;
  }
  const secret = kept.trim();
  if (SECRET_SHAPE.test(secret)) return secret;
  throw new StartFailure(`${file} holds no demo key; delete it, and the next start makes another.`);
}
