// The word by which a client asks that its prefixes be cached apart. It never reaches an engine as it stands.
import type { Member } from "../../stream/json-text.ts";

/** A longer one is cut: it only tells apart, and must not make keys dear. */
const CHARS_MAX = 1024;

/** As JSON text; null where the client wrote none. */
export function clientSaltOf(body: string, found: readonly Member[]): string | null {
  const member = found.findLast(({ key }) => key === "cache_salt");
  if (member === undefined) return null;
  const text = body.slice(
    member.valueStart,
    Math.min(member.valueEnd, member.valueStart + CHARS_MAX),
  );
  return text === "null" || text === '""' ? null : text;
}
