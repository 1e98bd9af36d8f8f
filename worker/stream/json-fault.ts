// Finds where text stops being JSON. The engine's own message names the place only sometimes, and quotes the text, so
// it cannot be read for one. Runs only over text that JSON.parse has refused; counts brackets instead of recursing.

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const CUT_ESCAPE = /\\(?:u[0-9a-fA-F]{0,3})?$/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The first position at which no JSON text goes on like this; the text's length when it ends too early or is whole. */
export function faultPosition(text: string): number {
  const open: ("{" | "[")[] = [];
  let awaits: "value" | "first-value" | "key" | "first-key" | "colon" | "end" = "value";
  let position = 0;
  for (;;) {
    position = behind(SPACE, text, position) ?? position;
    if (position >= text.length) return text.length;
    const unit = text.charAt(position);
    const closes: string | null = open.at(-1) === "{" ? "}" : open.at(-1) === "[" ? "]" : null;
    if (
      unit === closes &&
      (awaits === "end" || awaits === "first-key" || awaits === "first-value")
    ) {
      open.pop();
      awaits = "end";
      position += 1;
    } else if (awaits === "end") {
      if (unit !== "," || closes === null) return position;
      awaits = closes === "}" ? "key" : "value";
      position += 1;
    } else if (awaits === "colon") {
      if (unit !== ":") return position;
      awaits = "value";
      position += 1;
    } else if (awaits === "key" || awaits === "first-key") {
      if (unit !== '"') return position;
      const string = readString(text, position);
      if (!string.isWhole) return string.position;
      awaits = "colon";
      position = string.position;
    } else if (unit === "{" || unit === "[") {
      open.push(unit);
      awaits = unit === "{" ? "first-key" : "first-value";
      position += 1;
    } else if (unit === '"') {
      const string = readString(text, position);
      if (!string.isWhole) return string.position;
      awaits = "end";
      position = string.position;
    } else {
      const end = behind(NUMBER, text, position) ?? behind(WORD, text, position);
      if (end === null) return isCutShort(text, position) ? text.length : position;
      awaits = "end";
      position = end;
    }
  }
}

/** Behind the string that opens at `at`, or where it breaks. */
function readString(text: string, at: number): { position: number; isWhole: boolean } {
  let position = at + 1;
  while (position < text.length) {
    const unit = text.charCodeAt(position);
    if (unit === 34) return { position: position + 1, isWhole: true };
    if (unit < 32) return { position, isWhole: false };
    if (unit === 92) {
      const end = behind(ESCAPE, text, position);
      if (end === null)
        return { position: behind(CUT_ESCAPE, text, position) ?? position, isWhole: false };
      position = end;
    } else {
      position += 1;
    }
  }
  return { position: text.length, isWhole: false };
}

/** The text ends within a word or a number that began well. */
function isCutShort(text: string, at: number): boolean {
  const rest = text.slice(at, at + 6);
  return (
    at + rest.length === text.length &&
    ["true", "false", "null", "-0"].some((word) => word.startsWith(rest))
  );
}

function behind(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : null;
}
