// Walks the leaves of a JSON value in its text, each once and without recursion: what costs the same for every shape of
// a body needs no bound of its own on how deep it looks.
import { keyOf, skipString, type Span } from "../../stream/json-text.ts";

/** Where the scalar at `span` stands is what `enter` made of the names above it. */
type OnLeaf<Place> = (span: Span, place: Place) => void;

/** `enter`: the place of a member of that name; an element stands where its list does. Expects valid JSON. */
export function walkLeaves<Place>(
  text: string,
  root: Place,
  enter: (outer: Place, key: string) => Place,
  onLeaf: OnLeaf<Place>,
): void {
  const open: { readonly place: Place; readonly isObject: boolean }[] = [];
  let place = root;
  let isKey = false;
  let at = 0;
  while (at < text.length) {
    const sign = text[at] ?? "";
    const holder = open.at(-1);
    if (sign === "{" || sign === "[") {
      isKey = sign === "{";
      open.push({ place, isObject: isKey });
    } else if (sign === "," && holder !== undefined) {
      isKey = holder.isObject;
      place = holder.place;
    } else if (sign === "}" || sign === "]") {
      open.pop();
      isKey = false;
    } else if (!BETWEEN.has(sign)) {
      const end = sign === '"' ? skipString(text, at) : wordEnd(text, at);
      if (isKey && holder !== undefined) place = enter(holder.place, keyOf(text, at, end));
      else onLeaf({ start: at, end }, place);
      isKey = false;
      at = end;
      continue;
    }
    at += 1;
  }
}

const BETWEEN: ReadonlySet<string> = new Set([":", " ", "\n", "\r", "\t"]);
const WORD_ENDS: ReadonlySet<string> = new Set([...BETWEEN, ",", "}", "]"]);

/** Behind the number or the word that starts at `at`. */
function wordEnd(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && !WORD_ENDS.has(text[end] ?? "")) end += 1;
  return end;
}
