// Documents of the registry in pages, each as long as its rows and its characters allow.
import type { DocumentPage } from "../policies/administration.ts";
import { readDocument, type DocumentRow } from "./registry-rows.ts";

/** Documents and audit lines on one page, and the characters that end it sooner: an answer holds 32 MiB. */
const PAGE_MAX = 200;
export const PAGE_CHARS_MAX = 4 * 1024 * 1024;

export function boundPage(max: number): number {
  return Math.max(1, Math.min(max, PAGE_MAX));
}

/** `rows` hold one more than the page when there is a next one. */
export function pageOf(
  rows: readonly DocumentRow[],
  max: number,
  idOf: (row: DocumentRow) => string,
): DocumentPage {
  let chars = 0;
  let count = 0;
  for (const { text } of rows.slice(0, max)) {
    chars += text?.length ?? 0;
    if (count > 0 && chars > PAGE_CHARS_MAX) break;
    count += 1;
  }
  const last = rows[count - 1];
  return {
    documents: rows.slice(0, count).map(readDocument),
    next: count < rows.length && last !== undefined ? idOf(last) : null,
  };
}
