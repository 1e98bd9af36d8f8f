// The shapes of what a pool's index says of itself, and of what was found of its replicas' isolation.
import * as z from "zod/mini";
import { ISOLATIONS } from "../../policies/placement/isolation.ts";
import { ORDERS } from "../../policies/pool.ts";
import { instant } from "./ledger-shapes.ts";

const count = z.int().check(z.gte(0));
const quantity = z.number().check(z.gte(0));

const judged = {
  /** `kept`: a prompt is found again under its own salt and under no other. `shared`: under another too. `unproven`: under none. */
  isolation: z.enum(ISOLATIONS),
  at: instant,
  actor: z.string(),
};

const replica = z.strictObject({
  id: z.string(),
  /** `trying`: failed, and gets one call to see. `shared`: gets none, since it does not keep tenants apart. `retired`: no longer in the catalog. */
  state: z.enum(["up", "trying", "down", "shared", "retired"]),
  concurrency_max: z.nullable(count),
  calls: count,
  queued_seconds: quantity,
  /** Of the engine's events; null: none came. */
  epoch: z.nullable(count),
  sequence: z.nullable(count),
  domain: z.nullable(z.enum(["tokens64", "units256"])),
  last_event_at: z.nullable(instant),
  /** What the engine says that it holds; null: it does not say. */
  held_blocks: z.nullable(count),
  /** What is believed to be cached there. */
  believed_blocks: count,
  capacity_blocks: count,
  /** Of late, and fading: what was expected to come from its cache, and what the engine said that came. */
  predicted_tokens: count,
  reported_tokens: count,
  /** The part of a predicted match that is believed. */
  trust: z.number().check(z.gte(0), z.lte(1)),
  /**
   * `silent-zero`: what is predicted never comes true. `over-predicted`: less than half does. `unpredicted`: it comes from the
   * cache and was never predicted. `unreported`: the engine does not say. `domain-mismatch`: its events count blocks in
   * another way than the gateway, and nothing translates. `events-beyond-memory`: it told more blocks than are remembered.
   */
  alarms: z.array(
    z.enum([
      "silent-zero",
      "unpredicted",
      "over-predicted",
      "unreported",
      "domain-mismatch",
      "events-beyond-memory",
    ]),
  ),
  /** Null: no self-test was run. */
  isolation: z.nullable(z.strictObject(judged)),
});

export const pool = z.strictObject({
  object: z.literal("pool"),
  /** The upstream's. */
  id: z.string(),
  at: instant,
  order: z.enum(ORDERS),
  concurrency_max: z.nullable(count),
  wait_ms_max: count,
  /** Who shares a cache. */
  scope: z.enum(["tenant", "session"]),
  epoch: count,
  revision: z.nullable(z.string()),
  /** What keys and salts are made with; never the secret itself. */
  secret: z.strictObject({ name: z.string(), is_set: z.boolean() }),
  alarms: z.array(z.enum(["working-set-beyond-capacity", "isolation-broken"])),
  replicas: z.array(replica),
  tokens_per_block: quantity,
  /** Distinct blocks of prompts of the last ten to twenty minutes; above `capacity_blocks` caches thrash. */
  working_set_blocks: quantity,
  capacity_blocks: count,
  calls: count,
  memory: z.strictObject({
    entries: count,
    entries_max: count,
    bytes: count,
    /** Blocks that made room for others since the index woke. */
    evictions: count,
    /** Blocks that are known by the engines' names too. */
    aliases: count,
  }),
  line: z.strictObject({
    length: count,
    longest_ms: quantity,
    placed: count,
    refused: count,
    mean_wait_ms: quantity,
  }),
  /** Those that hold most of what is believed to be cached. */
  tenants: z.array(z.strictObject({ tenant: z.string(), blocks: count, share: quantity })),
  /** Null: nothing was stored yet in case the index sleeps. */
  snapshot_at: z.nullable(instant),
});

export const poolIsolation = z.strictObject({
  object: z.literal("pool_isolation"),
  pool: z.string(),
  dry_run: z.boolean(),
  /** What stands now, of all replicas of which something was found. */
  replicas: z.array(z.strictObject({ id: z.string(), ...judged })),
});
