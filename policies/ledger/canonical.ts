// An entry as one line of text. The line is canonical: two ledgers that did the same write the same bytes, so that a hash
// over lines means something, and a journal can be checked by anybody who has nothing but the lines.
import type { Entry } from "./entry.ts";

/** An entry with its place in the journal, counted from 1 without gaps. */
export interface JournalLine {
  readonly seq: number;
  readonly entry: Entry;
}

/**
 * JSON without spaces, the names of each object in the order of their UTF-16 units, whole numbers only, and no line break:
 * RFC 8785 for such documents. `seq` stands among the entry's own names.
 */
export function lineOf({ seq, entry }: JournalLine): string {
  return canonicalJson({ ...entry, seq });
}

/** Whole numbers, strings, booleans, null, lists and objects of them; what is undefined is left out. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}
