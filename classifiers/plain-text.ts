// Undoes what hides a plain text: letters of other widths, faces and alphabets, signs that nobody sees, blanks.
import { HEAD_CHARS_MAX, TAIL_CHARS_MAX } from "./excerpt.ts";

const BEYOND_ASCII = /[^\0-\x7f]/;
/** Zero-width and direction signs, and the soft hyphen. */
const UNSEEN = /\p{Cf}/gu;
/** A line's own indentation says something (code); blanks between words, at its end and around the text do not. */
const LINE_ENDS = /\r\n?/g;
const TRAILING = /(?<=\S)[ \t]+(?=\n)/g;
const BLANKS = /(?<=\S)(?:[ \t]{2,}|\t)/g;
const UNTIDY = /[^ \n] {2}|[\t\r]| \n/;

const QUOTES = /[\u2018\u2019\u201a\u2032\u00b4]/g;
const DOUBLE_QUOTES = /[\u201c\u201d\u201e\u2033\u00ab\u00bb]/g;
const DASHES = /[\u2010-\u2015\u2212]/g;

/** Cyrillic and Greek letters that look like Latin ones, in the order of what they look like. */
const LOOK_ALIKES = "аеорсухіјѕԁһАВЕКМНОРСТХІЈЅοανρΑΒΕΖΗΙΚΜΝΟΡΤΧΥ";
const LOOKED_LIKE = "aeopcyxijsdhABEKMHOPCTXIJSoavpABEZHIKMNOPTXY";
const LATIN_OF = new Map(Array.from(LOOK_ALIKES, (sign, at) => [sign, LOOKED_LIKE[at]!] as const));
const ANY_LOOK_ALIKE = new RegExp(`[${LOOK_ALIKES}]`);
/** A run of Latin letters and look-alikes that holds both. */
const MIXED_WORD = new RegExp(
  `[A-Za-z]+[${LOOK_ALIKES}][A-Za-z${LOOK_ALIKES}]*|[${LOOK_ALIKES}]+[A-Za-z][A-Za-z${LOOK_ALIKES}]*`,
  "g",
);

/**
 * Compatibility form (NFKC), so that fullwidth, bold and circled letters read as what they show; a word of Latin letters
 * with look-alikes among them reads as Latin. NFKC may grow (one sign can stand for eighteen), so the bound on what is
 * read holds once more. Tidy ASCII costs two searches.
 */
export function plainText(text: string): string {
  return tidy(BEYOND_ASCII.test(text) ? unmask(text) : text);
}

function unmask(text: string): string {
  const plain = text
    .normalize("NFKC")
    .replace(UNSEEN, "")
    .replace(QUOTES, "'")
    .replace(DOUBLE_QUOTES, '"')
    .replace(DASHES, "-")
    .slice(0, HEAD_CHARS_MAX + TAIL_CHARS_MAX);
  if (!ANY_LOOK_ALIKE.test(plain)) return plain;
  return plain.replace(MIXED_WORD, (word) =>
    Array.from(word, (sign) => LATIN_OF.get(sign) ?? sign).join(""),
  );
}

function tidy(text: string): string {
  const trimmed = text.trim();
  if (!UNTIDY.test(trimmed)) return trimmed;
  return trimmed.replace(LINE_ENDS, "\n").replace(TRAILING, "").replace(BLANKS, " ");
}
