// Builds the Worker as a deploy would, without an account or a network. Run it to fill dist/.
import { spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const repository = join(import.meta.dirname, "..", "..");

/** No metrics, no look at the registry for updates, no question where this machine is, no logs at home. */
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_WRITE_LOGS: "false",
};

export type Built =
  | { readonly kind: "built"; readonly folder: string }
  | { readonly kind: "broken"; readonly output: string }
  | { readonly kind: "stopped" };

/** Bundles worker/index.ts into `folder`: index.js, and a file for every module that it imports as data. */
export async function buildWorker(folder: string, signal?: AbortSignal): Promise<Built> {
  // A module that the last build left would be loaded with those of this one.
  await rm(folder, { recursive: true, force: true });
  const { code, output } = await runWrangler(
    ["deploy", "--dry-run", "--minify", "--outdir", folder],
    signal,
  );
  if (signal?.aborted) return { kind: "stopped" };
  return code === 0 ? { kind: "built", folder } : { kind: "broken", output };
}

/** Runs wrangler with these words, quietly and offline. */
export function runWrangler(
  words: readonly string[],
  signal: AbortSignal | undefined,
): Promise<{ readonly code: number | null; readonly output: string }> {
  // The package's `bin` only starts this same file in a second process, which a kill would miss.
  const program = createRequire(import.meta.url).resolve("wrangler");
  const child = spawn(process.execPath, ["--no-warnings", program, ...words], {
    cwd: repository,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...QUIET },
  });
  const stop = () => child.kill("SIGKILL");
  signal?.addEventListener("abort", stop, { once: true });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stderr.on("data", (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      signal?.removeEventListener("abort", stop);
      resolve({ code, output: Buffer.concat(pieces).toString("utf8").trim() });
    });
  });
}

if (import.meta.main) {
  const built = await buildWorker(join(repository, "dist"));
  if (built.kind === "broken") {
    console.error(built.output);
    process.exitCode = 1;
  }
}
