// One replica's prefix cache: blocks of 16 tokens, each known by the hash of everything up to its
// end, least recently used dropped first. The chain starts from the model and the salt, so that
// different salts never share.
import { hash } from "./chance.ts";
import { bytesPerToken } from "./tokens.ts";

export const blockTokens = 16;

/** 2 million tokens: about what one engine holds, and some 10 MB of this process. */
export const blocksMax = 131_072;

export type PrefixCache = {
  /** How many of the prompt's tokens were held; the prompt is held from now on. */
  admit(prompt: string, scope: { readonly model: string; readonly salt: string }): number;
  clear(): void;
};

export function createPrefixCache(blocksHeldMax: number = blocksMax): PrefixCache {
  /** A Map remembers insertion order, which is all that least-recently-used needs. */
  const held = new Map<string, true>();

  return {
    admit(prompt, { model, salt }) {
      const bytes = Buffer.from(prompt).toString("latin1");
      const blockBytes = blockTokens * bytesPerToken;
      let chain = JSON.stringify([model, salt]);
      let cachedBlocks = 0;
      let unbroken = true;
      const chains: string[] = [];
      for (let end = blockBytes; end <= bytes.length; end += blockBytes) {
        chain = hash(`${chain}|${bytes.slice(end - blockBytes, end)}`).toString(36);
        chains.push(chain);
        unbroken &&= held.has(chain);
        if (unbroken) cachedBlocks += 1;
      }
      // The last block first: when room is short, ends of prompts go before their beginnings.
      for (const block of chains.toReversed()) {
        held.delete(block);
        held.set(block, true);
      }
      for (const oldest of held.keys()) {
        if (held.size <= blocksHeldMax) break;
        held.delete(oldest);
      }
      // An engine always computes the last token, or it would have nothing to sample from.
      const promptTokens = Math.ceil(bytes.length / bytesPerToken);
      const cachedTokens = cachedBlocks * blockTokens;
      return cachedTokens >= promptTokens ? Math.max(0, cachedTokens - blockTokens) : cachedTokens;
    },
    clear() {
      held.clear();
    },
  };
}
