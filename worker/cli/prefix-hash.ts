// `npm run -s prefix-hash < body.json`: how a pool's `groups` names the beginning that prompts share. Reads a body of
// `POST /v1/chat/completions`, as a client writes it to the byte, and takes its tools and what stands before the first user
// turn, in whole blocks. Prints `{prefixUnits, prefixHash}`.
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { UNITS_PER_BLOCK } from "../../policies/pool.ts";
import { textsBeforeMessage } from "../upstream/wire/prompt-texts.ts";

export interface NamedPrefix {
  /** UTF-16 code units of the canonical prompt. */
  readonly prefixUnits: number;
  /** SHA-256, in hex. */
  readonly prefixHash: string;
}

/** Null where the body has no user turn, or less than a block before it. Throws on what is no such body, and says what to mend. */
export function nameShared(body: string): NamedPrefix | null {
  const first = rolesOf(body).indexOf("user");
  if (first === -1) return null;
  const shared = textsBeforeMessage(body, first).join("");
  const prefixUnits = Math.floor(shared.length / UNITS_PER_BLOCK) * UNITS_PER_BLOCK;
  if (prefixUnits === 0) return null;
  const prefixHash = createHash("sha256").update(shared.slice(0, prefixUnits)).digest("hex");
  return { prefixUnits, prefixHash };
}

function rolesOf(body: string): unknown[] {
  let read: unknown;
  try {
    read = JSON.parse(body);
  } catch (error) {
    throw new Error(`the body must be JSON: ${(error as SyntaxError).message}`);
  }
  if (!isObject(read)) throw new Error('the body must be an object with "messages"');
  const { messages } = read;
  if (!Array.isArray(messages)) throw new Error('"messages" must be a list of messages');
  return messages.map((message: unknown, index) => {
    if (!isObject(message) || typeof message["role"] !== "string")
      throw new Error(`"messages.${index}" must be an object with a "role"`);
    return message["role"];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
