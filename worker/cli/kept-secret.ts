// Keeps a secret in the state folder, which git ignores: made at random once, then read again, so that a pasted command
// still works after a restart.
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StartFailure } from "./failure.ts";

/** As much as a guess could never try. */
const SECRET_BYTES = 24;

export interface KeptSecret {
  readonly file: string;
  readonly prefix: string;
}

/** The one that `npm start` prints; the registry gets only its hash. */
export const DEMO_KEY: KeptSecret = { file: "demo-key", prefix: "sk-sluice-" };
/** What opens the admin API; never printed. */
export const ADMIN_SECRET: KeptSecret = { file: "admin-secret", prefix: "sluice-admin-" };

export async function keepSecret(
  stateFolder: string,
  { file: name, prefix }: KeptSecret,
): Promise<string> {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  // A folder that was there before may be open to everybody on the machine, and so may a file; both stay as they were.
  await close(stateFolder, 0o700);
  const file = join(stateFolder, name);
  const kept = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  if (kept === null) {
    const made = `${prefix}${randomBytes(SECRET_BYTES).toString("base64url")}`;
    await writeFile(file, `${made}\n`, { mode: 0o600, flag: "wx" });
    return made;
  }
  await close(file, 0o600);
  const secret = kept.trim();
  if (secret.startsWith(prefix) && /^[A-Za-z0-9_-]{32}$/.test(secret.slice(prefix.length)))
    return secret;
  throw new StartFailure(`${file} holds no secret; delete it, and the next start makes another.`);
}

/** To all users but this one. What belongs to another could be opened again, so it is no place for a secret. */
async function close(path: string, mode: number): Promise<void> {
  await chmod(path, mode).catch((error: NodeJS.ErrnoException) => {
    throw new StartFailure(
      `${path} cannot be closed to other users (${error.code ?? "unknown"}). Make it yours, or name another folder in SLUICE_STATE.`,
    );
  });
}
