// What each character of JSON text is worth in tokens, at most, as a table of steps: from a state, on a kind of byte, to a
// state, at a cost in half tokens. Walking it takes no branch that a processor could guess wrong.

/**
 * Parts of a token. Measured with the vocabularies of GPT-4, GPT-4o, Llama 2, Llama 3 and Qwen 3: prose in ten
 * languages, code, tables, digits, symbols, hex and emoji stay below the bound (English at 1.7 of its tokens, JSON at
 * 1.4, digits at 1 to 3, Chinese at 1.2 to 2.6). What exceeds it is noise, by at most 2.0: letters drawn at random
 * reach 1.8 times the bound, base64 1.4, rare ideographs and scripts 2.0. Bytes over three, which this replaced, were
 * exceeded by 2.9.
 */
const PARTS = 12;
/** Three small letters to a token, two capitals; a word's first letter counts as a small one. */
const SMALL_PARTS = 4;
const CAPITAL_PARTS = 6;
/** Runs of blanks, as code is indented: vocabularies hold runs of 16 and more. */
const BLANKS_PER_TOKEN = 4;
/** A token, in halves. By itself each sign, digit and control is one. */
const TOKEN = 2;
/** Han and kana are held, but for the rare ones; what vocabularies lack falls apart into its bytes. */
const HAN = 3;
const RARE = 4;
/** A character beyond the first plane, an emoji say: two of the rare. */
const ASTRAL = 8;

const KIND_BITS = 5;
export const STATE_MASK = 0x3ff & ~((1 << KIND_BITS) - 1);
/** A step is its next state, in place to be joined with a kind, and above it its cost. */
export const COST_SHIFT = 10;
/** Added to each cost: the blank before a word is taken back, and no cost may be below 0. */
export const COST_ZERO = TOKEN;

type ByteKind = (typeof BYTE_KINDS)[number];
const BYTE_KINDS = [
  ...(["sign", "small", "small-hex", "u", "capital", "capital-hex"] as const),
  ...(["zero", "one-two", "three", "four-six", "seven", "eight-nine"] as const),
  ...(["blank", "backslash", "inner", "latin", "marks", "han", "rare", "astral"] as const),
];

/** The kind of each byte of UTF-8. What a character is worth is told by its first byte alone, the rest are `inner`. */
export const KINDS = Uint8Array.from({ length: 256 }, (_, byte) =>
  BYTE_KINDS.indexOf(kindOf(byte)),
);

function kindOf(byte: number): ByteKind {
  const unit = String.fromCharCode(byte);
  if (unit === " ") return "blank";
  if (unit === "\\") return "backslash";
  if (unit === "u") return "u";
  if (/[a-f]/.test(unit)) return "small-hex";
  if (/[g-z]/.test(unit)) return "small";
  if (/[A-F]/.test(unit)) return "capital-hex";
  if (/[G-Z]/.test(unit)) return "capital";
  if (unit === "0") return "zero";
  if (/[12]/.test(unit)) return "one-two";
  if (unit === "3") return "three";
  if (/[4-6]/.test(unit)) return "four-six";
  if (unit === "7") return "seven";
  if (/[89]/.test(unit)) return "eight-nine";
  if (byte < 0x80) return "sign";
  if (byte < 0xc0) return "inner";
  // Up to U+02FF; marks that combine, up to U+037F; Greek to Arabic, up to U+06FF.
  if (byte < 0xcc) return "latin";
  if (byte < 0xce) return "marks";
  if (byte < 0xdc) return "latin";
  // U+3000 to U+9FFF.
  if (byte >= 0xe3 && byte <= 0xe9) return "han";
  return byte < 0xf0 ? "rare" : "astral";
}

/** Where a walk stands: in no run, in a word, in a run of blanks, or in an escape. */
type State =
  | { readonly in: "nothing" }
  /** `parts`: of its last token, 1 to 12. */
  | { readonly in: "word"; readonly parts: number; readonly isCapital: boolean }
  /** `blanks`: of its last token, 1 to 4. */
  | { readonly in: "blanks"; readonly blanks: number }
  | { readonly in: "escape"; readonly at: "start" | "unit" | "unit-zero" }
  | { readonly in: "digits"; readonly left: number };

const NOTHING: State = { in: "nothing" };
/** A number for each state, in the order in which the table is built. */
const numbers = new Map<string, number>();
const states: State[] = [];

function numberOf(state: State): number {
  const name = JSON.stringify(state);
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, states.length);
  states.push(state);
  return states.length - 1;
}

export const STEPS = buildSteps();

function buildSteps(): Uint16Array {
  const steps = new Uint16Array(1 << COST_SHIFT);
  numberOf(NOTHING);
  // The list grows while it is walked, until every state that can be reached is in it.
  for (const [number, state] of states.entries()) {
    for (const [at, kind] of BYTE_KINDS.entries()) {
      const [next, cost] = step(state, kind);
      steps[(number << KIND_BITS) | at] =
        (numberOf(next) << KIND_BITS) | ((cost + COST_ZERO) << COST_SHIFT);
    }
  }
  return steps;
}

function step(state: State, kind: ByteKind): readonly [next: State, cost: number] {
  if (state.in === "escape") return stepInEscape(state.at, kind);
  if (state.in === "digits")
    return [state.left === 1 ? NOTHING : { in: "digits", left: state.left - 1 }, 0];
  switch (kind) {
    case "small":
    case "small-hex":
    case "u":
      return letter(state, false);
    case "capital":
    case "capital-hex":
      return letter(state, true);
    case "blank": {
      if (state.in !== "blanks" || state.blanks === BLANKS_PER_TOKEN)
        return [{ in: "blanks", blanks: 1 }, TOKEN];
      return [{ in: "blanks", blanks: state.blanks + 1 }, 0];
    }
    case "backslash":
      return [{ in: "escape", at: "start" }, TOKEN];
    case "inner":
      return [NOTHING, 0];
    case "han":
      return [NOTHING, HAN];
    case "marks":
    case "rare":
      return [NOTHING, RARE];
    case "astral":
      return [NOTHING, ASTRAL];
    case "sign":
    case "latin":
    case "zero":
    case "one-two":
    case "three":
    case "four-six":
    case "seven":
    case "eight-nine":
      return [NOTHING, TOKEN];
  }
}

function letter(state: State, isCapital: boolean): readonly [State, number] {
  const own = isCapital ? CAPITAL_PARTS : SMALL_PARTS;
  // A capital after a small letter begins a word of its own.
  if (state.in === "word" && !(isCapital && !state.isCapital)) {
    const parts = state.parts + own;
    return parts > PARTS
      ? [{ in: "word", parts: parts - PARTS, isCapital }, TOKEN]
      : [{ in: "word", parts, isCapital }, 0];
  }
  // The last blank before a word belongs to the word's first token.
  const isRefunded = state.in === "blanks" && state.blanks === 1;
  return [{ in: "word", parts: SMALL_PARTS, isCapital }, isRefunded ? 0 : TOKEN];
}

/**
 * An escape is the character that it stands for, and the short ones are each a token, which the backslash has paid. Of
 * `\u4e2d` the first two digits tell what the rest costs.
 */
function stepInEscape(
  at: "start" | "unit" | "unit-zero",
  kind: ByteKind,
): readonly [State, number] {
  if (at === "start") return kind === "u" ? [{ in: "escape", at: "unit" }, 0] : [NOTHING, 0];
  if (at === "unit-zero")
    return [{ in: "digits", left: 2 }, isCommonBelow0x1000(kind) ? 0 : RARE - TOKEN];
  if (kind === "zero") return [{ in: "escape", at: "unit-zero" }, 0];
  return [{ in: "digits", left: 3 }, (isHanBlock(kind) ? HAN : RARE) - TOKEN];
}

/** By the first digit: U+3000 to U+9FFF. */
function isHanBlock(kind: ByteKind): boolean {
  return ["three", "four-six", "seven", "eight-nine"].includes(kind);
}

/** By the second digit: U+0000 to U+02FF and U+0400 to U+06FF. */
function isCommonBelow0x1000(kind: ByteKind): boolean {
  return kind === "zero" || kind === "one-two" || kind === "four-six";
}
