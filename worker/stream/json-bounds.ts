// Measures JSON text before it is parsed: a parser builds whatever it is given, and ten megabytes of brackets become
// half a gigabyte of objects. One pass, which stops at the first bound that is passed; strings are skipped, not read.
import { skipString } from "./json-text.ts";

export interface JsonBounds {
  /** Brackets that stand open at once. */
  readonly depthMax: number;
  /** Members of the outermost object. */
  readonly membersMax: number;
  /** Values in all, at every depth. */
  readonly valuesMax: number;
}

/** Which bound the text passes, if any. Of text that is not JSON it says what the brackets and commas say. */
export function boundPassed(text: string, bounds: JsonBounds): keyof JsonBounds | null {
  const { depthMax, membersMax, valuesMax } = bounds;
  let depth = 0;
  let members = 1;
  let values = 1;
  let at = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at += 1;
    // Every value but the first follows a bracket or a comma.
    if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > depthMax) return "depthMax";
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      depth -= 1;
    } else if (unit === COMMA) {
      values += 1;
      if (depth === 1) {
        members += 1;
        if (members > membersMax) return "membersMax";
      }
    }
    if (values > valuesMax) return "valuesMax";
  }
  return null;
}

const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
