// Tells a pool's index which tokens a prompt became, so that what engines report of their caches, which is in tokens, says
// something of prompts, which the gateway knows as text. Asked of the engine itself, after its answer and beside it.
import type { Model, Upstream } from "../policies/catalog.ts";
import { BLOCKS_MAX } from "../policies/placement/pool.ts";
import { BLOCK_TOKENS, tokenKeys } from "../policies/prefix/keyed-hash.ts";
import { attempt } from "./attempt.ts";
import type { CacheScope } from "./cache-scope.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Held } from "./hold.ts";
import type { Placed } from "./place.ts";
import { Patience } from "./stream/patience.ts";
import { logError } from "./log.ts";
import {
  readTokens,
  tokenizeBody,
  tokenizeUrl,
  TOKENS_BYTES_MAX,
} from "./upstream/wire/tokenize.ts";

/** Nobody waits for it, and an engine that takes longer has better things to do. */
const TOKENIZE_MS_MAX = 5_000;

export interface Answered {
  /** Of the call that was answered: nothing is generated here, so nothing more is held. */
  readonly held: Held;
  readonly upstream: Upstream;
  readonly model: Model;
  readonly scope: CacheScope;
  readonly placement: Placed;
  readonly secret: string | null;
  /** As it was sent. */
  readonly body: string;
}

/** Never throws. Nothing is asked where the pool does not say that it may be, or the prompt has no block that is new. */
export async function teachTokens(
  { held, upstream, model, scope, placement, secret, body }: Answered,
  deps: Pick<Dependencies, "poolOf" | "now">,
): Promise<void> {
  const { blocks, newBlocks, baseUrl } = placement;
  if (upstream.pool?.tokenizes !== true || blocks === null || newBlocks === 0) return;
  const patience = new Patience();
  try {
    const attempted = attempt(
      held,
      {
        url: tokenizeUrl(baseUrl),
        secret,
        body: tokenizeBody(body),
        isStream: false,
        idleMs: TOKENIZE_MS_MAX,
        deadlineMs: TOKENIZE_MS_MAX,
        opaqueBytesMax: TOKENS_BYTES_MAX,
      },
      deps.now,
      patience,
    );
    const heard = await attempted.peek();
    attempted.cancel();
    const tokens = heard.kind === "whole" ? readTokens(heard.text) : null;
    if (tokens === null) {
      logError("tokens-unknown", { pool: upstream.id, replica: placement.replica });
      return;
    }
    if (tokens.length < BLOCK_TOKENS) return;
    const keys = tokenKeys(scope.rootOf(model, "tokens64"), tokens, BLOCKS_MAX);
    await deps.poolOf(upstream.id).alias(blocks, keys);
  } catch (error) {
    logError("tokens-untold", { pool: upstream.id, problem: String(error) });
  } finally {
    patience.close();
  }
}
