// Lowers what a client's body asks for in thinking, wherever and under whatever name it stands. Names are met by what
// they say instead of by a list, and so are the bags that hold them: engines, templates and proxies keep inventing both,
// and one that was missed is a way round. Listed is only what is the client's own data.
import { applyEdits, type Edit, type Member } from "../../stream/json-text.ts";
import { isData } from "./fields.ts";
import { walkLeaves } from "./leaves.ts";

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
}

/** Says of itself that it is about thinking. */
const NAMED = /think|reason|effort|budget/i;
/** May stand for any letter of a name. */
const ESCAPE = "\\u";
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
  const changes: string[] = [];
  for (const [key, text] of standing) {
    const top = enter(NOWHERE, key);
    if (top.isData || !(top.isNamed || NAMED.test(text) || text.includes(ESCAPE))) continue;
    const edits: Edit[] = [];
    walkLeaves(text, top, enter, ({ start, end }, place) => {
      if (!place.isNamed) return;
      const value: unknown = JSON.parse(text.slice(start, end));
      const lower = lowered(value, place.key, bound);
      if (lower === value) return;
      const was = String(value).slice(0, PATH_CHARS_MAX);
      changes.push(`${place.path} ${was} to ${String(lower)}`);
      edits.push({ start, end, text: JSON.stringify(lower) });
    });
    if (edits.length > 0) fields[key] = applyEdits(text, edits);
  }
  return { fields, changes };
}

interface Place {
  /** The name that the value stands under; of an element, its list's. */
  readonly key: string;
  readonly path: string;
  /** It, or what holds it, is about thinking. */
  readonly isNamed: boolean;
  /** It, or what holds it, is the client's own data. */
  readonly isData: boolean;
}

const NOWHERE: Place = { key: "", path: "", isNamed: false, isData: false };

/** Each of two members of one name is entered: which of them an engine takes is not known. */
function enter(outer: Place, key: string): Place {
  return {
    key,
    path: (outer.path === "" ? key : `${outer.path}.${key}`).slice(0, PATH_CHARS_MAX),
    isNamed: outer.isNamed || (!outer.isData && NAMED.test(key)),
    isData: outer.isData || (!outer.isNamed && isData(key)),
  };
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

/** Below zero most engines mean no bound at all. */
function isWithin(tokens: number, bound: Bound): boolean {
  return tokens >= 0 && tokens <= bound.tokens;
}
