// What stands where prompts part, as one word of five: all that is kept of it, never the text.

export const PART_KINDS = ["time", "id", "number", "name", "other"] as const;
export type PartKind = (typeof PART_KINDS)[number];

/** What one word may reach to either side: longer than a time with its zone and a uuid. */
const AROUND_UNITS = 48;

/** The first that covers the place wins. Each repeats a bounded number of times, so that no text makes one slow. */
const PATTERNS: readonly (readonly [PartKind, RegExp])[] = [
  ["id", /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi],
  [
    "time",
    /\d{4}-\d\d?-\d\d?(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?/g,
  ],
  ["time", /\d\d?:\d\d(?::\d\d)?(?:\.\d{1,9})?(?: ?[AP]M)?/gi],
  ["time", /\d\d?[./]\d\d?[./]\d{2,4}/g],
  [
    "time",
    /(?:\d\d?\.? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,4}(?:, \d{4})?/g,
  ],
  ["time", /\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b/g],
  // Seconds or milliseconds since 1970, of 2017 to 2033.
  ["time", /\b(?:1[5-9]|20)\d{8}(?:\d{3})?\b/g],
  ["id", /\b(?=[a-z_-]{0,40}\d)[\da-z_-]{16,48}\b/gi],
  ["number", /\d[\d.,]{0,30}/g],
  ["name", /\b\p{Lu}\p{Ll}{1,20}(?: \p{Lu}\p{Ll}{1,20}){1,3}\b/gu],
  ["name", /[\w.+-]{1,40}@[\w.-]{1,40}/g],
];

/** Of the word at `at`, or that begins within the next `width` units. */
export function partKind(text: string, at: number, width = 8): PartKind {
  const start = Math.max(0, at - AROUND_UNITS);
  const near = text.slice(start, at + width + AROUND_UNITS);
  const from = at - start;
  for (const [kind, pattern] of PATTERNS)
    for (const found of near.matchAll(pattern))
      if (found.index < from + width && found.index + found[0].length > from) return kind;
  return "other";
}
