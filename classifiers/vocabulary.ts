// Finds the row of a key: an open-addressed table over the keys that the training kept.

export interface Vocabulary {
  /** Rows of the tables, one a key. */
  readonly size: number;
  /** The row, or -1 for a key that the training did not keep. */
  rowOf(key: number): number;
}

/** At most half full, so that a search ends after a step or two. */
const SPARENESS = 2;

/** `keys` in the order of their rows; none of them 0, none twice. */
export function makeVocabulary(keys: Int32Array): Vocabulary {
  let places = 1;
  while (places < keys.length * SPARENESS) places *= 2;
  const mask = places - 1;
  const held = new Int32Array(places);
  const rows = new Int32Array(places);
  for (let row = 0; row < keys.length; row += 1) {
    const key = keys[row]!;
    let at = key & mask;
    while (held[at] !== 0) at = (at + 1) & mask;
    held[at] = key;
    rows[at] = row;
  }
  return {
    size: keys.length,
    rowOf(key) {
      for (let at = key & mask; held[at] !== 0; at = (at + 1) & mask)
        if (held[at] === key) return rows[at]!;
      return -1;
    },
  };
}
