// `npm run -s prefix-hash < body.json`: how a pool's `groups` names the beginning that prompts share. Reads a body of
// `POST /v1/chat/completions`, as a client writes it to the byte, and takes its tools and what stands before the first user
// turn, in whole blocks. Prints `{prefixUnits, prefixHash}`.
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { UNITS_PER_BLOCK } from "../../policies/pool.ts";
import { promptTexts } from "../upstream/wire/prompt-texts.ts";

export interface NamedPrefix {
  /** UTF-16 code units of the canonical prompt. */
  readonly prefixUnits: number;
  /** SHA-256, in hex. */
  readonly prefixHash: string;
}

/** Null where the body has no user turn, or less than a block before it. Throws on what is no JSON. */
export function nameShared(body: string): NamedPrefix | null {
  const { messages } = JSON.parse(body) as { messages?: { role?: unknown }[] };
  const first = messages?.findIndex(({ role }) => role === "user") ?? -1;
  if (messages === undefined || first === -1) return null;
  const texts = promptTexts(body);
  const shared = texts.slice(0, texts.length - messages.length + first).join("");
  const prefixUnits = Math.floor(shared.length / UNITS_PER_BLOCK) * UNITS_PER_BLOCK;
  if (prefixUnits === 0) return null;
  const prefixHash = createHash("sha256").update(shared.slice(0, prefixUnits)).digest("hex");
  return { prefixUnits, prefixHash };
}

if (import.meta.main) {
  try {
    const named = nameShared(await text(process.stdin));
    if (named === null)
      throw new Error(`there are fewer than ${UNITS_PER_BLOCK} units before the first user turn`);
    console.log(JSON.stringify(named));
  } catch (error) {
    console.error(`prefix-hash: ${error instanceof Error ? error.message : String(error)}.`);
    process.exitCode = 1;
  }
}
