// Names of prefixes: a synchronous keyed hash, chained over blocks, so that equal keys mean equal whole prefixes of one
// namespace and that who has no secret can neither make one nor read one.
//
// The function is that of HalfSipHash with one round a word and twice three at the end (Aumasson and Bernstein, SipHash,
// 2012; 1-3 as languages use it for their tables), but with all 128 bits of its state keyed. Where two prefixes met by
// chance, a placement would be estimated wrongly and nothing else: an engine compares what it keeps.

/** What a block is counted in. Keys of two domains never meet. */
export type Domain = "units256" | "tokens64";

/** UTF-16 code units of the prompt's canonical text: about 64 tokens of English, with no tokenizer at hand. */
export const BLOCK_UNITS = 256;
/** Engines' blocks are of 16 and more; in smaller ones than this, routers' tables have outgrown their memory. */
export const BLOCK_TOKENS = 64;

export interface RootParts {
  readonly model: string;
  readonly revision: string;
  readonly adapter: string;
  /** Who may share: a tenant, or narrower, or a group that an operator declared. */
  readonly namespace: string;
  readonly domain: Domain;
}

declare const ROOT: unique symbol;
/** Where a namespace's chains begin: four words. As secret as what it was made of. */
export type Root = Int32Array & { readonly [ROOT]: true };

const HIGH = 2 ** 32;
/** Of a key's 53 bits, those above the lowest 32. */
const HIGH_BITS = 0x1fffff;
/** In place of a parent's upper word: no key has it. */
const NO_PARENT = -1;
/** Words before a block's own: its parent's key. */
const PARENT_WORDS = 2;

/** A block's words, and the same memory as units. Used within one call of a function here, never across two. */
const words = new Int32Array(PARENT_WORDS + 2 * BLOCK_TOKENS);
const units = new Uint16Array(words.buffer, PARENT_WORDS * 4);
const state = new Int32Array(4);

/** One root for each namespace. Parts are told apart by their lengths, so `("ab", "c")` is not `("a", "bc")`. */
export function prefixRoot(secret: Uint8Array, parts: RootParts): Root {
  const { model, revision, adapter, namespace, domain } = parts;
  absorb(secret, ["root", model, revision, adapter, namespace, domain]);
  const before = state.slice();
  finish(8);
  // Not to be undone: who learned a root would else learn the state after the secret, and so every other root.
  return state.map((word, i) => word ^ before[i]!) as Root;
}

/** Keys of the whole blocks of `texts`, read as one text: at most `blocksMax`, the first ones. */
export function unitKeys(root: Root, texts: readonly string[], blocksMax: number): Float64Array {
  let length = 0;
  for (const text of texts) length += text.length;
  const keys = new Float64Array(blockCount(length, BLOCK_UNITS, blocksMax));
  let block = 0;
  let filled = 0;
  begin(null);
  for (const text of texts) {
    let at = 0;
    while (at < text.length && block < keys.length) {
      const until = Math.min(text.length, at + BLOCK_UNITS - filled);
      while (at < until) units[filled++] = text.charCodeAt(at++);
      if (filled < BLOCK_UNITS) break;
      filled = 0;
      const key = blockKey(root, BLOCK_UNITS / 2);
      keys[block++] = key;
      begin(key);
    }
  }
  return keys;
}

/** Keys of the whole blocks of `ids`, each from 0 to below 2^53. */
export function tokenKeys(root: Root, ids: ArrayLike<number>, blocksMax: number): Float64Array {
  return tokenKeysFrom(root, null, ids, blocksMax);
}

/** As `tokenKeys`, for the tokens behind those whose last block has the key `parent`; null: behind none. */
export function tokenKeysFrom(
  root: Root,
  parent: number | null,
  ids: ArrayLike<number>,
  blocksMax: number,
): Float64Array {
  const keys = new Float64Array(blockCount(ids.length, BLOCK_TOKENS, blocksMax));
  begin(parent);
  for (let block = 0, at = 0; block < keys.length; block++) {
    let isWide = false;
    for (let i = 0; i < BLOCK_TOKENS; i++) {
      const id = ids[at++]!;
      words[PARENT_WORDS + i] = id;
      if (id >= HIGH || id < 0) isWide = true;
    }
    if (isWide)
      for (let i = 0; i < BLOCK_TOKENS; i++)
        words[PARENT_WORDS + BLOCK_TOKENS + i] = Math.floor(ids[at - BLOCK_TOKENS + i]! / HIGH);
    const key = blockKey(root, isWide ? 2 * BLOCK_TOKENS : BLOCK_TOKENS);
    keys[block] = key;
    begin(key);
  }
  return keys;
}

/** A short name for a text that only holders of the secret can make: a whole number below 2^53. */
export function hash53(secret: Uint8Array, text: string): number {
  absorb(secret, ["short", text]);
  return finishAsKey();
}

/** The same as 16 hexadecimal digits, of all 64 bits. */
export function hash64Hex(secret: Uint8Array, text: string): string {
  absorb(secret, ["hex", text]);
  const low = finish(3);
  const high = finish(3);
  return hexOf(high) + hexOf(low);
}

function hexOf(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function blockCount(length: number, size: number, blocksMax: number): number {
  return Math.max(0, Math.min(Math.floor(length / size), Math.floor(blocksMax)));
}

function begin(parent: number | null): void {
  words[0] = parent ?? NO_PARENT;
  words[1] = parent === null ? NO_PARENT : parent / HIGH;
}

/** The key of what stands in `words`: a parent, and `count` words of its own. */
function blockKey(root: Root, count: number): number {
  state.set(root);
  mix(words, PARENT_WORDS + count);
  return finishAsKey();
}

function finishAsKey(): number {
  const low = finish(3) >>> 0;
  return (finish(3) & HIGH_BITS) * HIGH + low;
}

/** Begins anew with a secret of any length, and takes in texts. */
function absorb(secret: Uint8Array, texts: readonly string[]): void {
  // The words of HalfSipHash, and of SipHash for the two that are none there.
  state.set([0x736f6d65, 0x646f7261, 0x6c796765, 0x74656462]);
  mix(Int32Array.from(secret), secret.length);
  finish(8);
  for (const text of texts) {
    const taken = new Int32Array(text.length);
    for (let i = 0; i < text.length; i++) taken[i] = text.charCodeAt(i);
    mix(taken, taken.length);
  }
}

/** Takes in words and then their count, so that what is taken in one after the other can be parted in one way only. */
function mix(taken: Int32Array, count: number): void {
  let v0 = state[0]!;
  let v1 = state[1]!;
  let v2 = state[2]!;
  let v3 = state[3]!;
  for (let i = 0; i <= count; i++) {
    const word = i === count ? count : taken[i]!;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

const NOTHING = new Int32Array(8);

/** Stirs the state without taking anything in, and gives a word of it. */
function finish(rounds: number): number {
  state[2]! ^= 0xff;
  mix(NOTHING, rounds - 1);
  return state[1]! ^ state[3]!;
}
