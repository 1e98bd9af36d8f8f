// What an operator says of an upstream's prefix cache: the replicas of a pool of one's own, or how a provider's cache works.
import * as z from "zod/mini";
import { number, text, wholeNumber } from "./fields.ts";
import { faultAt, type Fault } from "./parse.ts";

/** Far more engines than serve one model behind one decision point; a decision weighs each of them. */
export const REPLICAS_MAX = 64;
/** UTF-16 code units of a block, where no tokenizer is at hand. */
export const UNITS_PER_BLOCK = 256;

/** Somebody waits for a first byte meanwhile, and what holds a call's budget lasts so much longer (`worker/call-hold.ts`). */
const WAIT_MS_MAX = 45_000;

/** In which order calls get a slot of a pool whose replicas have no room. */
export const ORDERS = ["arrival", "hit-rate", "shortest-uncached"] as const;
export type Order = (typeof ORDERS)[number];

export const address = z.string().check(z.regex(/^https?:\/\/[^\s]+$/), z.maxLength(2048));
/** The name of a secret; never the secret itself. */
export const secretName = z.string().check(z.regex(/^[A-Z][A-Z0-9_]{0,63}$/));
const name = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/));
const concurrency = wholeNumber(1, 100_000);

const replica = z.strictObject({
  id: name,
  /** Up to and with `/v1`. */
  baseUrl: address,
  /** What its prefix cache holds, all tiers together. Rather too much than too little: four times costs 12 %, a quarter 24 % and more. */
  capacityTokens: wholeNumber(1024, 100_000_000_000),
  /** How fast it computes a prompt; its real speed is learned. */
  prefillTokensPerSecond: number(1, 100_000_000),
  /** Calls that it gets at once. Absent: as many as come. */
  concurrencyMax: z.optional(concurrency),
});

/**
 * Tenants that share what they cache of prompts which begin with this prefix: a published system prompt, a set of tools. A
 * salt holds for a whole request, since no engine takes one for a part (vLLM #52655), so what stands behind the prefix is
 * shared as well: a member can learn from an answer's speed whether another one asked the same.
 */
const group = z.strictObject({
  name: text(64),
  tenants: z.array(text(128)).check(z.minLength(2), z.maxLength(1024)),
  /** SHA-256 of the first `prefixUnits` of the canonical prompt, in hex, as `npm run -s prefix-hash` tells it. */
  prefixHash: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** UTF-16 code units, whole blocks. */
  prefixUnits: wholeNumber(UNITS_PER_BLOCK, 16_777_216),
  /** Says that this is known. */
  sharesWhole: z.literal(true, {
    error: "must be true: members share what follows the prefix too",
  }),
});

export const pool = z.strictObject({
  /** The secret that keys and salts are made with. It is sent nowhere. */
  secret: secretName,
  replicas: z.array(replica).check(z.minLength(1), z.maxLength(REPLICAS_MAX)),
  /** Of the weights: another one shares nothing with the one before. */
  revision: z.optional(text(64)),
  /** Who shares a cache: a tenant's requests, or only those of one session. */
  scope: z._default(z.enum(["tenant", "session"]), "tenant"),
  /** A higher one gives everybody new keys and salts, and so begins with empty caches. */
  epoch: z._default(wholeNumber(0, 1_000_000_000), 0),
  /** Calls that the pool gets at once, beside what each replica gets. */
  concurrencyMax: z.optional(concurrency),
  order: z._default(z.enum(ORDERS), "arrival"),
  /** How long a call waits for a slot at most; then it is refused. */
  waitMsMax: z._default(wholeNumber(0, WAIT_MS_MAX), 10_000),
  /** Its engines cannot part their caches, and all tenants that use it share what they hold: says that this is known. */
  unsalted: z._default(z.boolean(), false),
  /**
   * Its engines answer `/tokenize` beside `/v1`, as vLLM and SGLang do: then what they tell of their caches, in tokens, says
   * something of prompts. One more request, which computes nothing, after each answer to a prompt with something new.
   */
  tokenizes: z._default(z.boolean(), false),
  groups: z._default(z.array(group).check(z.maxLength(64)), []),
});

/** The prompt cache of a provider whose replicas nobody sees. */
export const promptCache = z.strictObject({
  /** How long an unused prefix stays. */
  ttlMs: wholeNumber(1000, 604_800_000),
  /** The shortest prompt that it caches. */
  minTokens: wholeNumber(0, 1_000_000),
  /** It takes a name under which equal prefixes are routed together. */
  sendsKey: z._default(z.boolean(), false),
});

type Pool = z.infer<typeof pool>;

/** `sent`: names of secrets that leave the gateway, each with why. */
export function findPoolFaults(
  { secret, replicas, groups }: Pool,
  path: string,
  sent: ReadonlyMap<string, string>,
): Fault[] {
  const faults: Fault[] = [];
  const why = sent.get(secret);
  if (why !== undefined)
    faults.push(faultAt(`${path}.secret`, `"${secret}" ${why}; name one of the pool's own`));
  faults.push(
    ...findTwice(
      replicas.map(({ id }) => id),
      (index) => `${path}.replicas.${index}.id`,
    ),
    ...findTwice(
      replicas.map(({ baseUrl }) => baseUrl.replace(/\/+$/, "")),
      (index) => `${path}.replicas.${index}.baseUrl`,
    ),
    ...findTwice(
      groups.map((one) => one.name),
      (index) => `${path}.groups.${index}.name`,
    ),
  );
  for (const [index, { tenants, prefixUnits }] of groups.entries()) {
    faults.push(...findTwice(tenants, (at) => `${path}.groups.${index}.tenants.${at}`));
    if (prefixUnits % UNITS_PER_BLOCK !== 0)
      faults.push(
        faultAt(
          `${path}.groups.${index}.prefixUnits`,
          `must be a multiple of ${UNITS_PER_BLOCK}, since blocks are compared whole`,
        ),
      );
  }
  return faults;
}

function findTwice(values: readonly string[], pathOf: (index: number) => string): Fault[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [faultAt(pathOf(index), `"${value}" stands twice`)] : [],
  );
}
