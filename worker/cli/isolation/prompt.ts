// A prompt of made-up words: nobody's text, and in no cache, since all of it comes from one seed.
import { createHash } from "node:crypto";

/** Enough for the providers that cache from 1,024 tokens on, and for a prefill whose time is seen. */
const CHARS_MAX = 16_000;
const WORD_CHARS = 7;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** At most as long as a model reads that takes every character for a token. */
export function makePrompt(seed: string, contextTokens: number): string {
  const chars = Math.min(CHARS_MAX, Math.floor(contextTokens / 2));
  let text = "";
  for (let index = 0; text.length < chars; index++) text += `${wordOf(seed, index)} `;
  return `${text}\nWhich of these words is the last? Answer with that word alone.`;
}

/** As the gateway's own, a salt is 43 characters that are safe everywhere. */
export function makeSalt(seed: string, name: string): string {
  return createHash("sha256").update(`salt ${name} of ${seed}`).digest("base64url");
}

function wordOf(seed: string, index: number): string {
  const bytes = createHash("sha256").update(`${seed}:${index}`).digest();
  return Array.from(bytes.subarray(0, WORD_CHARS), (byte) => LETTERS[byte % LETTERS.length]).join(
    "",
  );
}
