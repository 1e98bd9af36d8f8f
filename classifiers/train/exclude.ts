// Which queries the training may see.
import type { RecordedQuery } from "./recorded.ts";

/** Those under a permissive licence, without the given sources and without whatever is nearly a query of theirs. */
export function trainableWithout(
  queries: readonly RecordedQuery[],
  excluded: readonly string[],
): RecordedQuery[] {
  const sources = new Set(excluded);
  const groups = new Set(
    queries.filter(({ source }) => sources.has(source)).map(({ group }) => group),
  );
  return queries.filter(
    ({ trainable, source, group }) => trainable && !sources.has(source) && !groups.has(group),
  );
}
