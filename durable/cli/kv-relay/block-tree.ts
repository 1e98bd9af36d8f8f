// The engine's blocks as a tree of prompts. It makes the canonical keys, each from the key before it, so that a block
// needs no tokens but those behind the last whole canonical one.
import {
  BLOCK_TOKENS,
  prefixRoot,
  tokenKeysFrom,
  type Root,
} from "../../../policies/prefix/keyed-hash.ts";
import { EngineBlock } from "./engine-block.ts";
import type { BlockId, Stored } from "./event.ts";

export interface TreeOptions {
  readonly secret: Uint8Array;
  readonly model: string;
  readonly revision: string;
}

/** Roots are remembered, since each costs a few hashes; a pool of more tenants makes some anew. */
const ROOTS_MAX = 10_000;
/** One for all: most blocks end no canonical block, and each list of its own is 100 bytes. */
const NONE: ArrayLike<number> = [];
/** No vocabulary is larger than a word, but multimodal engines number what is no text beyond it. */
const WIDE = 2 ** 32;

export class BlockTree {
  readonly #options: TreeOptions;
  readonly #blocks = new Map<BlockId, EngineBlock>();
  readonly #roots = new Map<string, Root>();

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#blocks.size;
  }

  get(id: BlockId): EngineBlock | undefined {
    return this.#blocks.get(id);
  }

  has(id: BlockId): boolean {
    return this.#blocks.has(id);
  }

  clear(): void {
    this.#blocks.clear();
  }

  /** The event's blocks behind `parent`: those that are there, and new ones, which are in no tier yet. */
  grow(parent: EngineBlock | null, event: Stored): readonly EngineBlock[] {
    const { ids, blockTokens, textBlocks } = event;
    const root = parent === null ? this.#rootOf(event) : parent.root;
    const start = parent?.end ?? 0;
    const tokens = joinTokens(tokensBefore(parent, start % BLOCK_TOKENS), event.tokens);
    const base = start - (start % BLOCK_TOKENS);
    const textEnd = start + textBlocks * blockTokens;
    const keys =
      root === null
        ? NONE
        : tokenKeysFrom(root, parent?.lastKey ?? null, tokens, endsBefore(textEnd, base));

    let previous = parent;
    return ids.map((id, at) => {
      const from = start + at * blockTokens;
      const end = from + blockTokens;
      const isText = root !== null && end <= textEnd;
      const rest = Math.min(blockTokens, end % BLOCK_TOKENS);
      const block =
        this.#blocks.get(id) ??
        new EngineBlock({
          id,
          parent: previous,
          root: isText ? root : null,
          start: from,
          end,
          rest: rest === 0 ? NONE : tokens.slice(end - base - rest, end - base),
          keys: isText ? cut(keys, endsBefore(from, base), endsBefore(end, base)) : NONE,
        });
      this.#blocks.set(id, block);
      previous = block;
      return block;
    });
  }

  /** Takes out what is nowhere and has nothing behind it, and what it leaves so. */
  prune(from: EngineBlock): void {
    let block: EngineBlock | null = from;
    while (block !== null && block.tiers === 0 && block.firstChild === null) {
      this.drop(block);
      block = block.parent;
    }
  }

  /** It must have nothing behind it. */
  drop(block: EngineBlock): void {
    this.#blocks.delete(block.id);
    block.leave();
  }

  /** The end of the oldest prompt: by its beginning, and where it parts by the older way. */
  oldestEnd(): EngineBlock | null {
    for (const oldest of this.#blocks.values()) {
      let block = oldest;
      while (block.firstChild !== null) block = block.firstChild;
      return block;
    }
    return null;
  }

  #rootOf({ adapter, salt }: Stored): Root {
    const name = JSON.stringify([adapter, salt]);
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    if (this.#roots.size >= ROOTS_MAX) this.#roots.clear();
    const { secret, model, revision } = this.#options;
    const made = prefixRoot(secret, {
      model,
      revision,
      adapter,
      namespace: salt,
      domain: "tokens64",
    });
    this.#roots.set(name, made);
    return made;
  }
}

/** The last `count` tokens of the prompt up to and with `block`. */
function tokensBefore(block: EngineBlock | null, count: number): number[] {
  const parts: ArrayLike<number>[] = [];
  let missing = count;
  for (let at = block; at !== null && missing > 0; at = at.parent) {
    const { rest } = at;
    parts.push(rest);
    missing -= rest.length;
  }
  return parts.toReversed().flatMap((part) => Array.from(part));
}

function joinTokens(before: readonly number[], own: ArrayLike<number>): Uint32Array | Float64Array {
  const length = before.length + own.length;
  const isNarrow = own instanceof Uint32Array && before.every((token) => token < WIDE);
  const all = isNarrow ? new Uint32Array(length) : new Float64Array(length);
  all.set(before);
  all.set(own, before.length);
  return all;
}

function cut(keys: ArrayLike<number>, from: number, to: number): ArrayLike<number> {
  return from === to ? NONE : Array.from({ length: to - from }, (_, at) => keys[from + at]!);
}

/** Canonical blocks that end at `position` or before it, counted from `base`. */
function endsBefore(position: number, base: number): number {
  return Math.floor((position - base) / BLOCK_TOKENS);
}
