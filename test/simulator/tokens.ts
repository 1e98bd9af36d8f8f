// The simulator's own tokenizer: a token is four bytes of UTF-8, the last one what is left over.
// It is no real vocabulary, but it is stable under a common prefix, which a prefix cache needs,
// and anybody can recompute it.
import { hash } from "./chance.ts";

export const bytesPerToken = 4;

/** Longer prompts are refused, as an engine would; 131072 is a usual length. */
export const contextTokensMax = 131_072;

/** Ids stay below the size of a usual vocabulary. */
const vocabularySize = 151_936;

export function countTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

export function tokenIds(text: string): number[] {
  return latinTokenIds(Buffer.from(text).toString("latin1"));
}

/** Of bytes that are written as Latin-1. */
export function latinTokenIds(latin: string): number[] {
  return latinPieces(latin).map((piece) => hash(piece) % vocabularySize);
}

/** The bytes of each token, as Latin-1 text so that half a character keeps its bytes. */
export function pieces(text: string): string[] {
  return latinPieces(Buffer.from(text).toString("latin1"));
}

function latinPieces(latin: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < latin.length; at += bytesPerToken)
    found.push(latin.slice(at, at + bytesPerToken));
  return found;
}

/** The start of `text` that fits in `capTokens`, never ending inside a character. */
export function takeTokens(text: string, capTokens: number): string {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, Math.max(0, Math.floor(capTokens)) * bytesPerToken);
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}

/** Parts of about `chunkTokens` each that join to `text`; none ends inside a character. */
export function splitText(text: string, chunkTokens: number): string[] {
  const target = chunkTokens * bytesPerToken;
  const parts: string[] = [];
  let part = "";
  let partBytes = 0;
  for (const character of text) {
    part += character;
    partBytes += Buffer.byteLength(character);
    if (partBytes < target) continue;
    parts.push(part);
    part = "";
    partBytes = 0;
  }
  if (part !== "") parts.push(part);
  return parts;
}
