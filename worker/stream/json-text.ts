// Edits JSON as text, so that what is not edited stays byte for byte as it was sent: numbers with their digits,
// keys in their order, unknown fields, white space. Expects text that JSON.parse has accepted.

/** A member of an object: where it starts, and where its value starts and ends, in UTF-16 units. */
export interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** The members of the object that starts at `at` (white space before it is skipped), in the order they stand. */
export function members(text: string, at = 0): Member[] {
  const found: Member[] = [];
  let position = skipSpace(text, at) + 1;
  for (;;) {
    position = skipSpace(text, position);
    if (text[position] === ",") position = skipSpace(text, position + 1);
    if (text[position] !== '"') return found;
    const keyStart = position;
    const keyEnd = skipString(text, position);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    found.push({ key: keyOf(text, keyStart, keyEnd), keyStart, valueStart, valueEnd });
    position = valueEnd;
  }
}

/** The key that stands quoted there. An escaped one is the same field to the engine, so it has to be the same here. */
export function keyOf(text: string, start: number, end: number): string {
  const quoted = text.slice(start, end);
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    // Text that is measured before it is parsed may be no JSON; what it says then is refused anyway.
    return quoted;
  }
}

/** The elements of the array that starts at `at`. */
export function elements(text: string, at: number): Span[] {
  const found: Span[] = [];
  let position = skipSpace(text, at) + 1;
  for (;;) {
    position = skipSpace(text, position);
    if (text[position] === ",") position = skipSpace(text, position + 1);
    if (position >= text.length || text[position] === "]") return found;
    const end = skipValue(text, position);
    found.push({ start: position, end });
    position = end;
  }
}

/** One replacement of a stretch of text. */
export interface Edit extends Span {
  readonly text: string;
}

/** Applies edits that do not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  const sorted = edits.toSorted((left, right) => left.start - right.start || left.end - right.end);
  let out = "";
  let position = 0;
  for (const edit of sorted) {
    out += text.slice(position, edit.start) + edit.text;
    position = edit.end;
  }
  return out + text.slice(position);
}

/** Fields to set, as JSON text; undefined removes the field. */
export type FieldTexts = Readonly<Record<string, string | undefined>>;

/** The edits that set or remove members of the object at `at`; new members go to its end. */
export function editMembers(
  text: string,
  fields: FieldTexts,
  at = 0,
  standing: readonly Member[] = members(text, at),
): Edit[] {
  const edits: Edit[] = [];
  const present = new Set<string>();
  const kept = standing.filter(
    ({ key }) => !(Object.hasOwn(fields, key) && fields[key] === undefined),
  );
  for (const member of standing) {
    if (!Object.hasOwn(fields, member.key)) continue;
    const value = fields[member.key];
    if (value === undefined) continue;
    present.add(member.key);
    if (text.slice(member.valueStart, member.valueEnd) !== value) {
      edits.push({ start: member.valueStart, end: member.valueEnd, text: value });
    }
  }
  edits.push(...removals(text, standing, kept, at));
  const added = Object.entries(fields)
    .filter(([key, value]) => value !== undefined && !present.has(key))
    .map(([key, value]) => `${JSON.stringify(key)}:${value}`);
  if (added.length > 0) {
    const end = skipSpace(text, standing.at(-1)?.valueEnd ?? skipSpace(text, at) + 1);
    edits.push({ start: end, end, text: (kept.length > 0 ? "," : "") + added.join(",") });
  }
  return edits;
}

/** Takes members away together with the comma that would be left over. */
function removals(
  text: string,
  standing: readonly Member[],
  kept: readonly Member[],
  at: number,
): Edit[] {
  const keep = new Set(kept);
  const open = skipSpace(text, at) + 1;
  const edits: Edit[] = [];
  let lastKeptEnd: number | null = null;
  for (const [index, member] of standing.entries()) {
    if (keep.has(member)) {
      lastKeptEnd = member.valueEnd;
      continue;
    }
    // Before the first kept member a removal reaches forward to the next member, after it back to the last value.
    const next = standing[index + 1];
    const start =
      lastKeptEnd === null
        ? index === 0
          ? open
          : member.keyStart
        : (standing[index - 1]?.valueEnd ?? open);
    const end = lastKeptEnd === null && next !== undefined ? next.keyStart : member.valueEnd;
    edits.push({ start, end, text: "" });
  }
  return edits;
}

function skipSpace(text: string, at: number): number {
  let position = at;
  for (;;) {
    const unit = text.charCodeAt(position);
    if (unit !== 32 && unit !== 10 && unit !== 13 && unit !== 9) return position;
    position += 1;
  }
}

/** From an opening quote to behind the closing one. */
export function skipString(text: string, at: number): number {
  let position = at + 1;
  for (;;) {
    const close = text.indexOf('"', position);
    if (close === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(close - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return close + 1;
    position = close + 1;
  }
}

/** Behind the value that starts at `at`. Counts brackets instead of recursing, so depth costs no stack. */
function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at);
  if (first === QUOTE) return skipString(text, at);
  if (first !== 123 && first !== 91) {
    let position = at;
    while (position < text.length && !endsScalar(text.charCodeAt(position))) position += 1;
    return position;
  }
  let depth = 0;
  let position = at;
  while (position < text.length) {
    const unit = text.charCodeAt(position);
    if (unit === QUOTE) {
      position = skipString(text, position);
      continue;
    }
    if (unit === 123 || unit === 91) depth += 1;
    if (unit === 125 || unit === 93) {
      depth -= 1;
      if (depth === 0) return position + 1;
    }
    position += 1;
  }
  return text.length;
}

/** White space, a comma, or the bracket that closes what the number or word stands in. */
function endsScalar(unit: number): boolean {
  return unit <= 32 || unit === 44 || unit === 93 || unit === 125;
}
