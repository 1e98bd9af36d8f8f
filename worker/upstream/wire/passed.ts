// The one part of a bag that an engine reads thinking from, where clients may not send the bag. It goes out; what else is
// in the bag may name the account's caches, and stays behind.
import { members, type Member } from "../../stream/json-text.ts";

export type BagPath = readonly [bag: string, ...path: string[]];

/** The bag with that part alone, as a field's JSON text; empty when the client wrote none. */
export function passedOf(
  [bag, ...path]: BagPath,
  body: string,
  found: readonly Member[],
): Readonly<Record<string, string>> {
  let part = found.find(({ key }) => key === bag);
  for (const name of path) {
    if (part === undefined || body[part.valueStart] !== "{") return {};
    // Of a key that stands twice, engines take the last, as JSON.parse does.
    part = members(body, part.valueStart).findLast(({ key }) => key === name);
  }
  const text = part === undefined ? "null" : body.slice(part.valueStart, part.valueEnd);
  if (text === "null") return {};
  return {
    [bag]: path.reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, text),
  };
}
