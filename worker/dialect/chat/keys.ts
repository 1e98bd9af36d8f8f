// Whether a body's keys mean one thing to every parser. Go's matches keys whatever their case and takes the last, so
// `MAX_TOKENS` behind a `max_tokens` that was held would be the bound; two of one key are read apart by other pairs.
import { members, type Member } from "../../stream/json-text.ts";
import { HEEDED } from "../../upstream/wire/fields.ts";

export interface FieldFault {
  readonly field: string;
  readonly problem: string;
}

/** Fields that are read here and not on the way to an engine. */
const READ_HERE = [
  ["n", "tools", "functions", "response_format", "documents", "prediction"],
  ["chat_template", "mm_processor_kwargs", "media_io_kwargs"],
].flat();

/** All of them are small letters, so that each is its own fold. */
const KNOWN: ReadonlySet<string> = new Set([...HEEDED, ...READ_HERE]);
const IN_MESSAGES: ReadonlySet<string> = new Set(["role", "content"]);
const IN_STREAM_OPTIONS: ReadonlySet<string> = new Set(["include_usage"]);

/** The first fault of the keys of a body, whose members these are. */
export function keyFault(body: string, found: readonly Member[]): FieldFault | null {
  const options = found.find(({ key }) => key === "stream_options");
  return (
    faultAmong(found, KNOWN, "") ??
    (options !== undefined && body[options.valueStart] === "{"
      ? faultAmong(members(body, options.valueStart), IN_STREAM_OPTIONS, "stream_options.")
      : null)
  );
}

function faultAmong(
  found: readonly Member[],
  known: ReadonlySet<string>,
  path: string,
): FieldFault | null {
  const seen = new Map<string, string>();
  for (const { key } of found) {
    const folded = fold(key);
    if (folded !== key && known.has(folded)) return misspelled(path + key, folded);
    const earlier = seen.get(folded);
    if (earlier === key) return { field: path + key, problem: "stands twice; send it once" };
    if (earlier !== undefined)
      return { field: path + key, problem: `differs from \`${earlier}\` by case only; send one` };
    seen.set(folded, key);
  }
  return null;
}

/** The fault of a message's keys, of which only those of `role` and `content` are read here. */
export function messageKeyFault(message: object, path: string): FieldFault | null {
  for (const key of Object.keys(message)) {
    if (IN_MESSAGES.has(key)) continue;
    const folded = fold(key);
    if (IN_MESSAGES.has(folded)) return misspelled(`${path}.${key}`, folded);
  }
  return null;
}

function misspelled(field: string, meant: string): FieldFault {
  return { field, problem: `must be written \`${meant}\`, or left out` };
}

/** Up and down again, so that what only one of the two maps meets as well: the long s, the dotless i, the Kelvin sign. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}
