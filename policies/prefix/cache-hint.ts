// A name for what a provider may have cached of a prompt, for those that send equal names to one machine: one for each
// tenant and beginning of a prompt, the same for every turn of a conversation, and telling a provider nothing.
import { hash64Hex } from "./keyed-hash.ts";

/** Of OpenAI's, whose field is the only one of this kind; ours is shorter. */
export const CACHE_HINT_LENGTH_MAX = 64;

/** Null where the prompt has no whole block: providers cache nothing so short. */
export function cacheHint(
  secret: Uint8Array,
  namespace: string,
  keys: ArrayLike<number>,
): string | null {
  const first = keys[0];
  return first === undefined ? null : `sluice-${hash64Hex(secret, `${first}:${namespace}`)}`;
}
