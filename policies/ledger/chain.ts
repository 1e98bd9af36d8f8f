// The journal's hash chain: each line's hash covers the hash before it, so that a line which was altered, dropped, doubled
// or moved shows, also when the journal was read in pages of any size. The hash function is an argument.

/** SHA-256 of a text's UTF-8 bytes, as 64 lower-case hex digits. */
export type Sha256 = (text: string) => Promise<string>;

/** What stands before the first line. */
export const CHAIN_START = "0".repeat(64);

/** Consecutive lines, and the chain's hash before the first and after the last of them; the same when there are none. */
export interface ChainPage {
  readonly lines: readonly string[];
  readonly prevHash: string;
  readonly hash: string;
}

/** The chain's hash after each of the lines: of the hash before it, a line feed and the line. */
export async function linkAll(
  prevHash: string,
  lines: readonly string[],
  sha256: Sha256,
): Promise<string[]> {
  const hashes: string[] = [];
  let hash = prevHash;
  for (const line of lines) {
    hash = await sha256(`${hash}\n${line}`);
    hashes.push(hash);
  }
  return hashes;
}

export type ChainVerdict =
  | { readonly kind: "whole"; readonly hash: string }
  /** The page does not begin where the one before it ended. */
  | { readonly kind: "parted"; readonly expected: string; readonly found: string }
  /** Its lines do not give its hash. */
  | { readonly kind: "altered"; readonly expected: string; readonly found: string };

/** `after`: the hash of the page before, or CHAIN_START; null takes the page's own word, where the lines before are gone. */
export async function verifyPage(
  after: string | null,
  page: ChainPage,
  sha256: Sha256,
): Promise<ChainVerdict> {
  if (after !== null && page.prevHash !== after)
    return { kind: "parted", expected: after, found: page.prevHash };
  const hashes = await linkAll(page.prevHash, page.lines, sha256);
  const found = hashes.at(-1) ?? page.prevHash;
  return page.hash === found
    ? { kind: "whole", hash: found }
    : { kind: "altered", expected: page.hash, found };
}
