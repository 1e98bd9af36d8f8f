// One replica's prefix cache: blocks of tokens, each known by the hash of everything up to its
// end, least recently used dropped first. The chain starts from the model and the salt, so that
// different salts never share, and from a seed of its own, so that no two starts name a block alike.
import { hash } from "./chance.ts";
import { bytesPerToken } from "./tokens.ts";

export type CacheScope = { readonly model: string; readonly salt: string };

/** Blocks that follow each other and are new. */
export type StoredBlocks = CacheScope & {
  readonly hashes: readonly number[];
  /** Null where the first of them begins the prompt. */
  readonly parent: number | null;
  /** Their bytes, as Latin-1. */
  readonly bytes: string;
};

/** What a prompt changed: all that it stored, and then what made room. */
export type CacheListener = {
  changed(
    stored: readonly StoredBlocks[],
    removed: readonly { hash: number; model: string }[],
  ): void;
};

export type PrefixCacheOptions = {
  readonly blocksHeldMax: number;
  readonly blockTokens: number;
  readonly seed: number;
  readonly listener: CacheListener | null;
};

export type PrefixCache = {
  /** How many of the prompt's tokens were held; the prompt is held from now on. */
  admit(prompt: string, scope: CacheScope): number;
  clear(): void;
};

export function createPrefixCache({
  blocksHeldMax,
  blockTokens,
  seed,
  listener,
}: PrefixCacheOptions): PrefixCache {
  /** With the model of each. A Map remembers insertion order, which is all that least-recently-used needs. */
  const held = new Map<number, string>();

  return {
    admit(prompt, { model, salt }) {
      const bytes = Buffer.from(prompt).toString("latin1");
      const blockBytes = blockTokens * bytesPerToken;
      const root = JSON.stringify([model, salt, seed]);
      let cachedBlocks = 0;
      let unbroken = true;
      const chain: number[] = [];
      const stored: (StoredBlocks & { hashes: number[]; bytes: string })[] = [];
      for (let end = blockBytes; end <= bytes.length; end += blockBytes) {
        const parent = chain.at(-1) ?? null;
        const own = bytes.slice(end - blockBytes, end);
        const block = hash(`${parent?.toString(36) ?? root}|${own}`);
        chain.push(block);
        const isHeld = held.has(block);
        unbroken &&= isHeld;
        if (unbroken) cachedBlocks += 1;
        if (isHeld) continue;
        const run = stored.at(-1);
        if (run !== undefined && run.hashes.at(-1) === parent) {
          run.hashes.push(block);
          run.bytes += own;
        } else stored.push({ model, salt, hashes: [block], parent, bytes: own });
      }
      // The last block first: when room is short, ends of prompts go before their beginnings.
      for (const block of chain.toReversed()) {
        held.delete(block);
        held.set(block, model);
      }
      const removed: { hash: number; model: string }[] = [];
      for (const [oldest, of] of held) {
        if (held.size <= blocksHeldMax) break;
        held.delete(oldest);
        removed.push({ hash: oldest, model: of });
      }
      if (stored.length > 0 || removed.length > 0) listener?.changed(stored, removed);
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
