// What providers' prompt caches are likely to hold, as far as this isolate has seen: which prompts went to which model, and
// when. Where it has seen nothing it says so; what it says prices a choice, and is never counted as saved.
import {
  findModel,
  findUpstream,
  type Catalog,
  type Model,
  type Upstream,
} from "../policies/catalog.ts";
import type { Cached } from "../policies/choice.ts";
import type { EndedCall } from "../policies/placement/pool.ts";
import {
  calibrated,
  tokensPerBlock,
  UNCALIBRATED,
  type Calibration,
} from "../policies/prefix/calibration.ts";
import { BLOCK_UNITS } from "../policies/prefix/keyed-hash.ts";
import {
  NAMESPACE_ENTRIES_MAX,
  PROVIDER_ENTRIES_MAX,
  ProviderCache,
} from "../policies/prefix/provider-cache.ts";
import type { Prompt } from "./prompt.ts";

/** Of all upstreams; 24 MB of an isolate's 128 at their most. The one that was idle longest goes. */
const MODELS_MAX = 16;
/** Tenants of one model whose tokens a block are known; 50 bytes each. */
const CALIBRATIONS_MAX = 1024;

interface ModelCache {
  readonly cache: ProviderCache;
  /** What the cache was made for; another catalog's begins anew. */
  readonly settings: string;
  /** By tenant, whose texts they are of. */
  readonly calibrations: Map<string, Calibration>;
}

/** Plain data, shared by the requests of an isolate. */
export type ProviderMemory = Map<string, ModelCache>;

/** A prompt on its way to a provider. */
export interface SentPrompt {
  /** Expected to come from its cache; null where nobody knows. */
  readonly cachedTokens: number | null;
  /** Once, however the call ended. */
  ended(call: EndedCall): void;
}

export class ProviderCaches {
  readonly #memory: ProviderMemory;
  readonly #now: () => number;

  constructor(memory: ProviderMemory, now: () => number) {
    this.#memory = memory;
    this.#now = now;
  }

  /** Of those models whose upstream's cache the catalog declares; null where it declares none of them, and nothing is read. */
  expect(
    modelIds: Iterable<string>,
    catalog: Catalog,
    promptOf: () => Prompt,
  ): ReadonlyMap<string, Cached> | null {
    const expected = new Map<string, Cached>();
    for (const id of new Set(modelIds)) {
      const model = findModel(catalog, id);
      const upstream = model === undefined ? undefined : findUpstream(catalog, model.upstream);
      if (model === undefined || upstream?.promptCache === undefined) continue;
      expected.set(id, this.#expect(upstream, upstream.promptCache, model, promptOf()));
    }
    return expected.size === 0 ? null : expected;
  }

  /** Null for an upstream whose cache the catalog does not declare. */
  send(upstream: Upstream, model: Model, promptOf: () => Prompt): SentPrompt | null {
    const { promptCache } = upstream;
    if (promptCache === undefined) return null;
    const prompt = promptOf();
    const { tenantId, keys } = prompt;
    const { tokens, isWhole } = this.#expect(upstream, promptCache, model, prompt);
    const known = this.#find(upstream, promptCache, model);
    const perBlock = tokensPerBlock(known.calibrations.get(tenantId) ?? UNCALIBRATED);
    const { cachedBlocks } = known.cache.predict(tenantId, keys, perBlock, this.#now());
    return {
      cachedTokens: isWhole || tokens > 0 ? tokens : null,
      ended: ({ inputTokens, cachedTokens, isFault }) => {
        // What failed, was refused, or left nothing to tell by, was perhaps never read.
        if (isFault !== false || inputTokens === 0) return;
        if (inputTokens !== null) learn(known, prompt, inputTokens);
        if (cachedTokens !== null)
          known.cache.reported(tenantId, cachedBlocks * perBlock, cachedTokens);
        known.cache.used(tenantId, keys, perBlock, this.#now());
      },
    };
  }

  #expect(upstream: Upstream, promptCache: Settings, model: Model, prompt: Prompt): Cached {
    const { cache, calibrations } = this.#find(upstream, promptCache, model);
    const { tenantId, keys } = prompt;
    const perBlock = tokensPerBlock(calibrations.get(tenantId) ?? UNCALIBRATED);
    // What is so short is cached nowhere, whoever sent it.
    if (keys.length * perBlock < promptCache.minTokens) return { tokens: 0, isWhole: true };
    const { cachedTokens } = cache.predict(tenantId, keys, perBlock, this.#now());
    // Of what went there before, also as another isolate's request, all was seen here; or it was too short to be cached.
    const answered = Math.min(prompt.answeredBlocks, NAMESPACE_ENTRIES_MAX);
    const isWhole =
      answered * perBlock < promptCache.minTokens || cache.sentBlocks(tenantId, keys) >= answered;
    return { tokens: cachedTokens, isWhole };
  }

  #find({ id }: Upstream, { ttlMs, minTokens }: Settings, { name }: Model): ModelCache {
    const key = JSON.stringify([id, name]);
    const settings = `${ttlMs} ${minTokens}`;
    const known = this.#memory.get(key);
    const found = known?.settings === settings ? known : newCache(ttlMs, minTokens, settings);
    this.#memory.delete(key);
    this.#memory.set(key, found);
    keepTo(this.#memory, MODELS_MAX);
    return found;
  }
}

type Settings = NonNullable<Upstream["promptCache"]>;

function newCache(ttlMs: number, minTokens: number, settings: string): ModelCache {
  const bounds = { entriesMax: PROVIDER_ENTRIES_MAX, namespaceEntriesMax: NAMESPACE_ENTRIES_MAX };
  const cache = new ProviderCache({ ttlMs, minTokens, ...bounds });
  return { cache, settings, calibrations: new Map() };
}

function learn({ calibrations }: ModelCache, prompt: Prompt, inputTokens: number): void {
  // Of a longer one the rest was not looked at, and is no part of what a block is worth.
  if (prompt.units > NAMESPACE_ENTRIES_MAX * BLOCK_UNITS) return;
  const was = calibrations.get(prompt.tenantId) ?? UNCALIBRATED;
  calibrations.delete(prompt.tenantId);
  calibrations.set(prompt.tenantId, calibrated(was, inputTokens, prompt.units));
  keepTo(calibrations, CALIBRATIONS_MAX);
}

/** Drops what stands first. */
function keepTo(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
