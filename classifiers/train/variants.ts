// Other writings of the same question, on which the networks are fitted as well, so that they learn what does not matter.
import { findOptions } from "../options.ts";
import { pick, type Chance } from "./chance.ts";

/** A stem under this many units says too little once its options are gone. */
const STEM_CHARS_MIN = 10;
/** One letter in this many is swapped, lost or doubled, as by a hasty writer. */
const LETTERS_PER_TYPO = 25;

/** Two variants, drawn from those that the text allows. */
export function vary(text: string, chance: Chance): string[] {
  const { stemChars, choices } = findOptions(text);
  const hasOptions = choices >= 2 && stemChars > STEM_CHARS_MIN;
  const first = hasOptions
    ? pick([stripOptions, relabelOptions, inlineOptions], chance)(text, stemChars, chance)
    : pick([addTypos, changeCase], chance)(text, stemChars, chance);
  const second = pick([addTypos, changeCase, spaceOut], chance)(text, stemChars, chance);
  return [first, second];
}

function stripOptions(text: string, stemChars: number): string {
  return text.slice(0, stemChars);
}

const LABEL = /(^|\n)[ \t]*[([]?([A-Z])[).:\]][ \t]*/g;

function relabelOptions(text: string, stemChars: number, chance: Chance): string {
  const form = pick(["(%)", "%.", "%:", "[%]", "%)"], chance);
  const options = text.slice(stemChars);
  return (
    text.slice(0, stemChars) +
    options.replace(
      LABEL,
      (_, start: string, letter: string) => `${start}${form.replace("%", letter)} `,
    )
  );
}

function inlineOptions(text: string, stemChars: number): string {
  return `${text.slice(0, stemChars)} ${text
    .slice(stemChars)
    .replace(LABEL, (_, _start: string, letter: string) => ` (${letter}) `)
    .replaceAll("\n", " ")
    .trim()}`;
}

export function addTypos(text: string, _stemChars: number, chance: Chance): string {
  let written = "";
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]!;
    if (!/[a-z]/.test(sign) || chance() >= 1 / LETTERS_PER_TYPO) written += sign;
    else {
      const slip = chance();
      if (slip < 0.4 && /[a-z]/.test(text[at + 1] ?? "")) {
        written += text[at + 1]! + sign;
        at += 1;
      } else if (slip < 0.7) written += sign + sign;
    }
  }
  return written;
}

function changeCase(text: string, _stemChars: number, chance: Chance): string {
  return chance() < 0.7 ? text.toLowerCase() : text.toUpperCase();
}

function spaceOut(text: string, _stemChars: number, chance: Chance): string {
  const gap = pick(["  ", " ", "\n"], chance);
  return `${gap}${text.replaceAll("\n", chance() < 0.5 ? "\n\n" : "\n")}${gap}`;
}
