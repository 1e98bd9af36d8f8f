// The catalog: which upstreams there are, which models they serve, what those can do and cost.
import * as z from "zod/mini";
import { number, text, wholeNumber } from "./fields.ts";
import { faultAt, parseWith, type Parsed } from "./parse.ts";
import { address, findPoolFaults, pool, promptCache, secretName } from "./pool.ts";

/**
 * Knobs that an operator declares as proven at a model. A knob that is not listed is never sent: engines
 * drop unknown fields in silence, so a knob sent in hope reads as a saving that never happened.
 */
export const CAPABILITIES = [
  "thinking-switch",
  "effort",
  "thinking-cap",
  /** It may think in a call that does not stream; said only of engines that refuse that of some models. */
  "thinking-unstreamed",
  "temperature",
  "cache-salt",
  /** It orders its own queue by a number a call: vLLM with `--scheduling-policy priority`, which refuses one without. */
  "queue-priority",
  "stream-usage",
  "tools",
  "json-schema",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** How hard a model may be asked to think, least first. */
export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof EFFORTS)[number];

/** A 70B Llama's hidden size; a head over it has 16.8 MB of weights, below KV's 25 MiB a value. */
export const POOLING_WIDTH_MAX = 8192;

const id = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/));
/** $9,000 a million tokens: far above any price list, and small enough that tokens x price stays exact. */
const priceNanos = wholeNumber(0, 9_000_000_000_000);

const prices = z.strictObject({
  /** Names this price list; a hold pins it, so a price change never re-prices what is in flight. */
  version: text(64),
  inputNanosPerMtok: priceNanos,
  cachedInputNanosPerMtok: priceNanos,
  /** Of input that is written to a cache, where that is billed apart; absent: as other input. */
  cacheWriteNanosPerMtok: z.optional(priceNanos),
  outputNanosPerMtok: priceNanos,
});

const breakerSettings = z.strictObject({
  /** Failures within `windowMs` that open the breaker. */
  failures: wholeNumber(1, 1000),
  windowMs: wholeNumber(100, 3_600_000),
  /** How long it stays open before one probe may pass. */
  cooldownMs: wholeNumber(100, 3_600_000),
});

const upstream = z.strictObject({
  id,
  /** Which dialect of knobs it speaks; an engine that Sluice does not know is treated as `generic`. */
  engine: text(64),
  /** Up to and with `/v1`; `/chat/completions` is appended. */
  baseUrl: address,
  /** The name of the secret that holds its API key; never the key itself. */
  secret: z.optional(secretName),
  /** It bills an answer whole that was broken off, so a call holds its whole bound from the start. */
  billsCancelled: z.optional(z.boolean()),
  breaker: z._default(breakerSettings, { failures: 5, windowMs: 30_000, cooldownMs: 10_000 }),
  /** The replicas that stand behind it, each with an address of its own. */
  pool: z.optional(pool),
  /** How its prompts are cached, where it has no pool. */
  promptCache: z.optional(promptCache),
});

/** How fast a model answers, as its operator measured it. Both or neither: one alone says nothing of an answer's end. */
const speed = z.strictObject({
  firstTokenMs: number(0, 600_000),
  outputTokensPerSecond: number(0.1, 1_000_000),
});

/** A pooling replica of the same checkpoint: `/embeddings` gives the last token's hidden state, not normalised. */
const pooling = z.strictObject({
  upstream: id,
  /** What the replica calls the model. */
  name: text(256),
  /** Numbers in a hidden state: the model's hidden size. */
  width: wholeNumber(1, POOLING_WIDTH_MAX),
  /** Of its input. Absent where nobody bills it: it costs nothing, and its tokens are held and counted all the same. */
  prices: z.optional(
    z.strictObject({
      version: text(64),
      inputNanosPerMtok: priceNanos,
    }),
  ),
});

const model = z.strictObject({
  id,
  upstream: id,
  /** What the upstream calls it. */
  name: text(256),
  /** Of an adapter (LoRA), what the upstream calls the model that it adapts: the prefixes of the two are never one. */
  adapterOf: z.optional(text(256)),
  contextTokens: wholeNumber(256, 16_000_000),
  outputTokensMax: wholeNumber(1, 4_000_000),
  capabilities: z._default(z.array(z.enum(CAPABILITIES)), []),
  /** A model that thinks whatever it is told, or that cannot think; absent when it can be told. */
  thinking: z.optional(z.enum(["always", "never"])),
  /** The efforts that it takes, where they are not those that its engine takes of most models. */
  efforts: z.optional(z.array(z.enum(EFFORTS)).check(z.minLength(1), z.maxLength(EFFORTS.length))),
  /** Bounds on a cap on its thinking, beyond those that its engine has for all models. */
  thinkingTokensMin: z.optional(wholeNumber(1, 4_000_000)),
  thinkingTokensMax: z.optional(wholeNumber(1, 4_000_000)),
  /** Absent for an engine of one's own: money stays 0, and the choice weighs its tokens at a nominal price. */
  prices: z.optional(prices),
  /** Absent: no ceiling on latency holds for it, since nothing is known that could pass one. */
  speed: z.optional(speed),
  /** Where its hidden states can be asked for, so that a policy may read difficulty from them. */
  pooling: z.optional(pooling),
  /** How far its accuracy curve lies above (+) or below (-) a 7B model's, in logits. */
  strength: z._default(number(-5, 5), 0),
});

export const catalog = z.strictObject({
  version: text(64),
  upstreams: z.array(upstream).check(z.minLength(1), z.maxLength(256)),
  models: z.array(model).check(z.minLength(1), z.maxLength(1024)),
});

export type Prices = z.infer<typeof prices>;
export type BreakerSettings = z.infer<typeof breakerSettings>;
export type Upstream = z.infer<typeof upstream>;
export type Model = z.infer<typeof model>;
export type Catalog = z.infer<typeof catalog>;

/** A secret that an upstream names is sent to its address, so what opens the gateway must not be one of them. */
const OPERATORS_SECRETS = ["ADMIN_SECRET", "RELAY_TOKEN"];

export function parseCatalog(document: unknown): Parsed<Catalog> {
  const parsed = parseWith<Catalog>(catalog, document);
  if (parsed.kind === "faulty") return parsed;
  const faults = [];
  const upstreamIds = new Set<string>();
  const sent = new Map(OPERATORS_SECRETS.map((name) => [name, "opens the gateway itself"]));
  for (const { id: upstreamId, secret } of parsed.value.upstreams)
    if (secret !== undefined && !sent.has(secret))
      sent.set(secret, `is the API key of "${upstreamId}", which is sent there`);
  for (const [index, entry] of parsed.value.upstreams.entries()) {
    const { id: upstreamId, secret } = entry;
    if (entry.pool !== undefined)
      faults.push(...findPoolFaults(entry.pool, `upstreams.${index}.pool`, sent));
    if (entry.pool !== undefined && entry.promptCache !== undefined)
      faults.push(
        faultAt(
          `upstreams.${index}.promptCache`,
          "is for an upstream without a pool, whose replicas' own caches are known; leave out one of the two",
        ),
      );
    if (secret !== undefined && OPERATORS_SECRETS.includes(secret)) {
      faults.push(
        faultAt(
          `upstreams.${index}.secret`,
          `"${secret}" opens the gateway itself and is never sent to an upstream; name another`,
        ),
      );
    }
    if (upstreamIds.has(upstreamId))
      faults.push(faultAt(`upstreams.${index}.id`, `"${upstreamId}" stands twice`));
    upstreamIds.add(upstreamId);
  }
  const modelIds = new Set<string>();
  for (const [index, entry] of parsed.value.models.entries()) {
    if (modelIds.has(entry.id))
      faults.push(faultAt(`models.${index}.id`, `"${entry.id}" stands twice`));
    modelIds.add(entry.id);
    if (!upstreamIds.has(entry.upstream)) {
      faults.push(faultAt(`models.${index}.upstream`, `no upstream is called "${entry.upstream}"`));
    }
    const { pool: itsPool } = findUpstream(parsed.value, entry.upstream) ?? {};
    if (itsPool !== undefined && !itsPool.unsalted && !entry.capabilities.includes("cache-salt")) {
      faults.push(
        faultAt(
          `models.${index}.capabilities`,
          `must have "cache-salt", or tenants share the caches of "${entry.upstream}"; where that is known, say \`unsalted: true\` of its pool`,
        ),
      );
    }
    if (
      entry.pooling !== undefined &&
      findUpstream(parsed.value, entry.pooling.upstream)?.pool !== undefined
    ) {
      faults.push(
        faultAt(
          `models.${index}.pooling.upstream`,
          `"${entry.pooling.upstream}" has a pool, whose index knows nothing of such calls; declare the replica as an upstream of its own`,
        ),
      );
    }
    if (entry.pooling !== undefined && !upstreamIds.has(entry.pooling.upstream)) {
      faults.push(
        faultAt(
          `models.${index}.pooling.upstream`,
          `no upstream is called "${entry.pooling.upstream}"`,
        ),
      );
    }
    if ((entry.thinkingTokensMin ?? 0) > (entry.thinkingTokensMax ?? Infinity)) {
      faults.push(
        faultAt(
          `models.${index}.thinkingTokensMin`,
          `must be at most thinkingTokensMax, ${String(entry.thinkingTokensMax)}`,
        ),
      );
    }
    if (/^auto(:|$)/.test(entry.id)) {
      faults.push(
        faultAt(
          `models.${index}.id`,
          `"${entry.id}" is kept for Sluice's own choice; use another id`,
        ),
      );
    }
  }
  return faults.length === 0 ? parsed : { kind: "faulty", faults };
}

export function findModel(of: Catalog, modelId: string): Model | undefined {
  return of.models.find((entry) => entry.id === modelId);
}

export function findUpstream(of: Catalog, upstreamId: string): Upstream | undefined {
  return of.upstreams.find((entry) => entry.id === upstreamId);
}
