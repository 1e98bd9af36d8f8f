// Undoes what unicode can hide a plain text behind: letters of other widths and faces, and signs that nobody sees.
import { HEAD_CHARS_MAX, TAIL_CHARS_MAX } from "./excerpt.ts";

const BEYOND_ASCII = /[^\0-\x7f]/;
/** Zero-width and direction signs, and the soft hyphen. */
const UNSEEN = /\p{Cf}/gu;

/**
 * Compatibility form (NFKC), so that fullwidth, bold and circled letters read as what they show. It may grow (one
 * sign can stand for eighteen), so the bound on what is read holds once more. Plain ASCII costs one search.
 */
export function plainText(text: string): string {
  if (!BEYOND_ASCII.test(text)) return text;
  const plain = text.normalize("NFKC").replace(UNSEEN, "");
  return plain.slice(0, HEAD_CHARS_MAX + TAIL_CHARS_MAX);
}
