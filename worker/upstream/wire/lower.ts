// Lowers what a client's body asks for in thinking, wherever and under whatever name it stands. Names are met by what
// they say instead of by a list: engines, templates and proxies keep inventing them, and one that was missed is a way round.
import { applyEdits, elements, members, type Edit, type Member } from "../../stream/json-text.ts";
import { STRIPPED } from "./fields.ts";

/** Fields by their JSON text, as the client wrote them. */
type Standing = ReadonlyMap<string, string>;

export function standingOf(body: string, found: readonly Member[]): Standing {
  return new Map(
    found.map(({ key, valueStart, valueEnd }) => [key, body.slice(valueStart, valueEnd)]),
  );
}

export interface Bound {
  readonly tokens: number;
  /** Words for how hard to think that are not above the bound, in small letters. */
  readonly efforts: readonly string[];
  /** What takes the place of a word that is above it, or that nobody knows. */
  readonly effort: string;
  /** Switches are turned off as well. */
  readonly stops: boolean;
}

export interface Lowered {
  /** The fields that changed, as JSON text. */
  readonly fields: Readonly<Record<string, string>>;
  /** What was changed to what, by path: `thinking.budget_tokens 9000 to 2048`. */
  readonly changes: readonly string[];
  /** Some field asks for thinking, be it within the bound. */
  readonly asks: boolean;
}

/** What is found on the way through a body. */
interface Found {
  readonly changes: string[];
  asks: boolean;
}

/** Says of itself that it is about thinking. */
const NAMED = /think|reason|effort|budget/i;
/** Bags of other things, in which only what is named so is about thinking. */
const BAGS: ReadonlySet<string> = new Set(
  [
    ["chat_template_kwargs", "template_kwargs", "output_config", "nvext"],
    ["google", "generation_config", "generationconfig", "provider_options", "provideroptions"],
  ].flat(),
);
/** A word under such a name is an effort; elsewhere it is one only when it reads like one. */
const LEVELS = /effort|level/i;
const EFFORT_WORDS: ReadonlySet<string> = new Set([
  "minimal",
  "low",
  "medium",
  "high",
  "xhigh",
  "max",
]);
/** Switches, and what each says when it is on. */
const SWITCHES = /^(?:enable_thinking|thinking|think|reasoning|enabled)$/i;
const TYPES_ON: ReadonlySet<string> = new Set(["enabled", "adaptive", "auto"]);
/** A path is for reading; a client's key may be as long as its body. */
const PATH_CHARS_MAX = 80;

export function lowerThinking(standing: Standing, bound: Bound): Lowered {
  const fields: Record<string, string> = {};
  const seen: Found = { changes: [], asks: false };
  for (const [key, text] of standing) {
    const isNamed = NAMED.test(key);
    if (STRIPPED.has(key) || !(isNamed || BAGS.has(key.toLowerCase()))) continue;
    const edits = editsOf(text, 0, text.length, { key, path: key, isNamed }, bound, seen);
    if (edits.length > 0) fields[key] = applyEdits(text, edits);
  }
  return { fields, ...seen };
}

interface Place {
  /** The name that the value stands under; of an element, its list's. */
  readonly key: string;
  readonly path: string;
  /** It, or what holds it, is about thinking. */
  readonly isNamed: boolean;
}

function editsOf(
  text: string,
  start: number,
  end: number,
  place: Place,
  bound: Bound,
  seen: Found,
): Edit[] {
  if (text[start] === "{") {
    // Each of two members of one name: which of them an engine takes is not known.
    return members(text, start).flatMap(({ key, valueStart, valueEnd }) => {
      const inside = {
        key,
        path: `${place.path}.${key}`.slice(0, PATH_CHARS_MAX),
        isNamed: place.isNamed || NAMED.test(key),
      };
      return editsOf(text, valueStart, valueEnd, inside, bound, seen);
    });
  }
  if (text[start] === "[")
    return elements(text, start).flatMap((span) =>
      editsOf(text, span.start, span.end, place, bound, seen),
    );
  if (!place.isNamed) return [];
  const value: unknown = JSON.parse(text.slice(start, end));
  seen.asks ||= asksToThink(value, place.key);
  const lower = lowered(value, place.key, bound);
  if (lower === value) return [];
  seen.changes.push(`${place.path} ${String(value).slice(0, PATH_CHARS_MAX)} to ${String(lower)}`);
  return [{ start, end, text: JSON.stringify(lower) }];
}

/** The value itself where it asks for no more than the bound. */
function lowered(value: unknown, key: string, bound: Bound): unknown {
  if (typeof value === "number") return isWithin(value, bound) ? value : bound.tokens;
  if (typeof value === "boolean") return bound.stops && value && SWITCHES.test(key) ? false : value;
  if (typeof value !== "string") return value;
  const word = value.trim().toLowerCase();
  // Some parsers read a number in quotes.
  if (word !== "" && !Number.isNaN(Number(word)))
    return isWithin(Number(word), bound) ? value : String(bound.tokens);
  if (bound.stops && key.toLowerCase() === "type" && TYPES_ON.has(word)) return "disabled";
  if (!LEVELS.test(key) && !EFFORT_WORDS.has(word)) return value;
  return bound.efforts.includes(word) ? value : bound.effort;
}

function asksToThink(value: unknown, key: string): boolean {
  if (typeof value === "number") return value !== 0;
  if (typeof value === "boolean") return value && SWITCHES.test(key);
  if (typeof value !== "string") return false;
  const word = value.trim().toLowerCase();
  return EFFORT_WORDS.has(word) || TYPES_ON.has(word) || Number(word) > 0;
}

/** Below zero most engines mean no bound at all. */
function isWithin(tokens: number, bound: Bound): boolean {
  return tokens >= 0 && tokens <= bound.tokens;
}
