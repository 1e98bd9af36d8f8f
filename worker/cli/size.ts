// `npm run size`: prints how large the built Worker in dist/ is, and fails when it is larger than it may be.
import { stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Code without weights. A start parses all of it, and a larger bundle starts later everywhere: it was 400,000 until the
 * prefix index came, and what a start costs stands in the bench (`npm run -s bench -- --part start-up`).
 */
export const BUNDLE_BYTES_MAX = 500_000;

export async function measureBundle(folder: string): Promise<number> {
  return (await stat(join(folder, "index.js"))).size;
}

if (import.meta.main) {
  const bytes = await measureBundle(join(import.meta.dirname, "..", "..", "dist"));
  console.log(`The Worker is ${bytes} bytes, of ${BUNDLE_BYTES_MAX} that it may be.`);
  if (bytes > BUNDLE_BYTES_MAX) process.exitCode = 1;
}
