// Fields that many declarations have: texts and numbers within bounds.
import * as z from "zod/mini";

/** Not empty. */
export function text(charsMax: number) {
  return z.string().check(z.minLength(1), z.maxLength(charsMax));
}

export function wholeNumber(least: number, most: number) {
  return z.int().check(z.gte(least), z.lte(most));
}

export function number(least: number, most: number) {
  return z.number().check(z.gte(least), z.lte(most));
}
