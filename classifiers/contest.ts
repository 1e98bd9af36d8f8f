// Recognises statements in the manner of programming contests: they speak of numbers, and ask for a program.

/** Longer statements show these signs early; the bound keeps the searches short. */
const READ_CHARS_MAX = 4096;
/** One sign alone stands in mathematics as well. */
const SIGNS_MIN = 2;

const SIGNS = [
  /\b(?:print|output)s?\b(?! of\b)/i,
  /\binput(?:\s*\n|:| consists| is read| contains)|\bfirst line\b|\bstandard (?:input|output)\b/i,
  /\b\d+ ?(?:<=?|≤|\\leq?) ?[$|]?\\?[a-z]|[a-z|] ?(?:<=|≤|\\leq?) ?(?:10\^|[1-9]\d{2,}|[1-9] ?\* ?10)/,
  /\btest cases?\b|\btime limit\b|\bmemory limit\b|\bconstraints:/i,
  /10\^\{?9\}?\s?\+\s?7|998244353/,
  /\b(?:sub)?arrays?\b|\bstring s\b|\bpermutations? of 1\b|\bqueries\b|\b[nm] (?:two-way |undirected |distinct )?(?:integers|numbers|vertices|nodes|cities|roads|edges|rows|stones|points|words)\b/i,
] as const;

export function looksLikeContest(text: string): boolean {
  const read = text.slice(0, READ_CHARS_MAX);
  let signs = 0;
  for (const sign of SIGNS) if (sign.test(read)) signs += 1;
  return signs >= SIGNS_MIN;
}
