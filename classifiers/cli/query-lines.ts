// Reads queries as JSON Lines for the command-line programs. A line ends at \n and nowhere else: texts may hold
// U+2028, U+2029 or a lone \r, at which other splitters would cut them.
import { readFileSync } from "node:fs";

export interface Query {
  readonly id: string | number;
  readonly text: string;
}

export type Read =
  | { readonly kind: "read"; readonly queries: readonly Query[] }
  | { readonly kind: "faulty"; readonly problem: string };

/** All of the named files in their order, or standard input when none is named. The first bad line ends it. */
export function readQueries(files: readonly string[]): Read {
  const queries: Query[] = [];
  for (const file of files.length === 0 ? [null] : files) {
    const name = file ?? "standard input";
    let content: string;
    try {
      content = readFileSync(file ?? 0, "utf8");
    } catch (error) {
      // A terminal or a closed pipe as standard input, or a file that is not there; the code says which.
      return {
        kind: "faulty",
        problem: `cannot read ${name} (${error instanceof Error && "code" in error ? String(error.code) : "unknown"})`,
      };
    }
    const read = parseQueries(content, name);
    if (read.kind === "faulty") return read;
    for (const query of read.queries) queries.push(query);
  }
  return { kind: "read", queries };
}

export function parseQueries(content: string, name: string): Read {
  const queries: Query[] = [];
  for (const [index, line] of withoutMark(content).split("\n").entries()) {
    if (line.trim() === "") continue;
    const query = parseQuery(line);
    if (query === null)
      return {
        kind: "faulty",
        problem: `${name}, line ${index + 1}: not a JSON object with "id" (text or number) and "text" (text)`,
      };
    queries.push(query);
  }
  return { kind: "read", queries };
}

/** Programs on Windows mark the beginning of a file as Unicode; JSON knows no such sign. */
export function withoutMark(content: string): string {
  return content.startsWith("\uFEFF") ? content.slice(1) : content;
}

function parseQuery(line: string): Query | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // What is wrong with it does not matter to the caller: the line's number does.
    return null;
  }
  if (typeof value !== "object" || value === null || !("id" in value) || !("text" in value))
    return null;
  const { id, text } = value;
  return (typeof id === "string" || typeof id === "number") && typeof text === "string"
    ? { id, text }
    : null;
}
