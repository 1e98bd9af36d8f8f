// Members of a JSON value that somebody else wrote: what they are is looked at before they are used.

export type Fields = Readonly<Record<string, unknown>>;

/** `inList`: Gemini wraps an error's object in a list of one. */
export function parseFields(text: string, inList = false): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    const first: unknown = inList && Array.isArray(value) ? value[0] : value;
    return isFields(first) ? first : null;
  } catch {
    // Not JSON is an answer of its own here: the caller says what that means.
    return null;
  }
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
