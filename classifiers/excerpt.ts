// How much of a text is read: its beginning and its end, so that the time a query takes has a bound.

/**
 * The most that is read from the beginning and from the end, in UTF-16 units. 8,192 and 4,096 hold every
 * benchmark question of the recorded data whole (they end at 4,000), and in a pasted document the task
 * stands before or after it, not in its middle.
 */
export const HEAD_CHARS_MAX = 8192;
export const TAIL_CHARS_MAX = 4096;

export interface Excerpt {
  readonly text: string;
  /** What the middle holds unread, in UTF-16 units; 0 when the whole text was read. */
  readonly skippedChars: number;
}

export function excerpt(text: string): Excerpt {
  if (text.length <= HEAD_CHARS_MAX + TAIL_CHARS_MAX) return { text, skippedChars: 0 };
  // The line break keeps the last word before the gap and the first after it apart.
  const read = `${text.slice(0, HEAD_CHARS_MAX)}\n${text.slice(text.length - TAIL_CHARS_MAX + 1)}`;
  return { text: read, skippedChars: text.length - read.length };
}
