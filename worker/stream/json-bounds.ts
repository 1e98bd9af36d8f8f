// Measures JSON text before it is parsed: a parser builds whatever it is given, and ten megabytes of brackets become
// half a gigabyte of objects. One pass, which stops at the first bound that is passed and finds the outermost members on
// its way; strings are skipped, not read.
import { keyOf, skipString, type Member } from "./json-text.ts";

export interface JsonBounds {
  /** Brackets that stand open at once. */
  readonly depthMax: number;
  /** Members of the outermost object. */
  readonly membersMax: number;
  /** Values in all, at every depth. */
  readonly valuesMax: number;
}

/**
 * Which bound the text passes; or, where it passes none, the members of its outermost object, as `members` finds them.
 * Of text that is not JSON it says what the brackets, colons and commas say.
 */
export function outline(text: string, bounds: JsonBounds): keyof JsonBounds | Member[] {
  const { depthMax, membersMax, valuesMax } = bounds;
  const found: Member[] = [];
  let depth = 0;
  let members = 1;
  let values = 1;
  let at = 0;
  // Of the outermost object: the key that was read last, and behind its colon where the value begins.
  let keyStart = -1;
  let keyEnd = -1;
  let valueStart = -1;
  const close = (end: number): void => {
    if (valueStart === -1 || keyStart === -1) return;
    found.push({ key: keyOf(text, keyStart, keyEnd), keyStart, ...trimmed(text, valueStart, end) });
    keyStart = -1;
    valueStart = -1;
  };
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      const end = skipString(text, at);
      if (depth === 1 && valueStart === -1) {
        keyStart = at;
        keyEnd = end;
      }
      at = end;
      continue;
    }
    at += 1;
    // Every value but the first follows a bracket or a comma.
    if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > depthMax) return "depthMax";
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (depth === 1) close(at - 1);
      depth -= 1;
    } else if (unit === COMMA) {
      values += 1;
      if (depth === 1) {
        close(at - 1);
        members += 1;
        if (members > membersMax) return "membersMax";
      }
    } else if (unit === COLON && depth === 1 && valueStart === -1) valueStart = at;
    if (values > valuesMax) return "valuesMax";
  }
  return found;
}

/** A value without the white space around it. */
function trimmed(
  text: string,
  start: number,
  end: number,
): { readonly valueStart: number; readonly valueEnd: number } {
  let valueStart = start;
  let valueEnd = end;
  while (valueStart < valueEnd && text.charCodeAt(valueStart) <= SPACE) valueStart += 1;
  while (valueEnd > valueStart && text.charCodeAt(valueEnd - 1) <= SPACE) valueEnd -= 1;
  return { valueStart, valueEnd };
}

const SPACE = 32;
const COLON = 58;
const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
