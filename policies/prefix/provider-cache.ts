// What a provider without replicas of ours is likely to have cached of a prompt: which prefixes were sent to it, and
// how long ago. Providers match exactly from the first token on, so a missing block ends a match.

export interface ProviderCacheSettings {
  /** How long a prefix stays that is not used again. */
  readonly ttlMs: number;
  /** Providers cache no prompt shorter than this. */
  readonly minTokens: number;
  /** All namespaces together: 60 to 90 bytes each. */
  readonly entriesMax: number;
  /** One namespace, however many prefixes it sends: it then loses its own, and nobody else's. */
  readonly namespaceEntriesMax: number;
}

/** Of one model: four tenants' longest prompts, or a thousand ordinary ones; 1.5 MB. */
export const PROVIDER_ENTRIES_MAX = 16_384;
/** A prompt of 262,144 tokens; of a longer one the beginning. */
export const NAMESPACE_ENTRIES_MAX = 4096;

export interface Prediction {
  readonly cachedBlocks: number;
  /** What of them the provider's reports bear out. */
  readonly cachedTokens: number;
}

const NOTHING: Prediction = { cachedBlocks: 0, cachedTokens: 0 };
/** Reports over which trust is a mean: providers route by load, so single misses say little. */
const TRUST_REPORTS = 32;

interface Namespace {
  /** Key to its last use, oldest first; of one prompt the deepest block is the oldest. */
  readonly uses: Map<number, number>;
  trust: number;
}

export class ProviderCache {
  readonly #settings: ProviderCacheSettings;
  /** Idlest first. */
  readonly #namespaces = new Map<string, Namespace>();
  #entries = 0;
  #clockMs = -Infinity;

  constructor(settings: ProviderCacheSettings) {
    this.#settings = settings;
  }

  get entries(): number {
    return this.#entries;
  }

  /** The part of what was predicted that the namespace's own reports bore out, 0..1. */
  trustIn(namespace: string): number {
    return this.#namespaces.get(namespace)?.trust ?? 1;
  }

  /** Leading blocks that were sent there and are remembered, however long ago that was. */
  sentBlocks(namespace: string, keys: ArrayLike<number>): number {
    const uses = this.#namespaces.get(namespace)?.uses;
    let sent = 0;
    while (sent < keys.length && uses?.has(keys[sent]!) === true) sent++;
    return sent;
  }

  /** Changes nothing, so that models can be compared before one is chosen. */
  predict(
    namespace: string,
    keys: ArrayLike<number>,
    tokensPerBlock: number,
    nowMs: number,
  ): Prediction {
    const known = this.#namespaces.get(namespace);
    if (known === undefined) return NOTHING;
    const { uses, trust } = known;
    const afterMs = Math.max(nowMs, this.#clockMs) - this.#settings.ttlMs;
    let cachedBlocks = 0;
    while (cachedBlocks < keys.length) {
      const usedMs = uses.get(keys[cachedBlocks]!);
      if (usedMs === undefined || usedMs <= afterMs) break;
      cachedBlocks++;
    }
    const tokens = cachedBlocks * tokensPerBlock;
    if (tokens < this.#settings.minTokens) return NOTHING;
    return { cachedBlocks, cachedTokens: tokens * trust };
  }

  /** The prompt was read there: what it holds is cached anew, or for another while. */
  used(namespace: string, keys: ArrayLike<number>, tokensPerBlock: number, nowMs: number): void {
    this.#clockMs = Math.max(nowMs, this.#clockMs);
    if (keys.length * tokensPerBlock < this.#settings.minTokens || keys.length === 0) return;
    const known = this.#namespaces.get(namespace) ?? { uses: new Map(), trust: 1 };
    const { uses } = known;
    this.#namespaces.delete(namespace);
    this.#namespaces.set(namespace, known);
    const { entriesMax, namespaceEntriesMax } = this.#settings;
    this.#entries -= uses.size;
    // Of a prompt that is longer than its namespace may keep, the beginning.
    for (let i = Math.min(keys.length, namespaceEntriesMax, entriesMax) - 1; i >= 0; i--) {
      uses.delete(keys[i]!);
      uses.set(keys[i]!, this.#clockMs);
    }
    dropOldest(uses, uses.size - namespaceEntriesMax);
    this.#entries += uses.size;
    this.#makeRoom();
  }

  /** What the provider said that it took from its cache of what was predicted, trust left aside. */
  reported(namespace: string, predictedTokens: number, cachedTokens: number): void {
    const known = this.#namespaces.get(namespace);
    if (known === undefined || !(predictedTokens > 0) || !(cachedTokens >= 0)) return;
    const share = Math.min(1, cachedTokens / predictedTokens);
    known.trust += (share - known.trust) / TRUST_REPORTS;
  }

  #makeRoom(): void {
    for (const [name, { uses }] of this.#namespaces) {
      const surplus = this.#entries - this.#settings.entriesMax;
      if (surplus <= 0) return;
      this.#entries -= uses.size;
      dropOldest(uses, surplus);
      this.#entries += uses.size;
      if (uses.size === 0) this.#namespaces.delete(name);
    }
  }
}

function dropOldest(uses: Map<number, number>, count: number): void {
  let left = count;
  for (const key of uses.keys()) {
    if (left-- <= 0) return;
    uses.delete(key);
  }
}
