// From three answers of one replica to what they prove of its isolation. What is found under a salt that nobody used before
// was found without regard to salts: even a few tokens of it, since the prompt is made of chance from its first word on.
import type { Isolation } from "../../../policies/placement/isolation.ts";

/** One answer: what came from a cache, as the engine says, and when it began to answer. */
export interface Leg {
  readonly salt: "a" | "b";
  readonly inputTokens: number | null;
  /** Null: the engine does not say. */
  readonly cachedTokens: number | null;
  readonly firstTokenMs: number;
}

export interface Conclusion {
  readonly isolation: Isolation;
  readonly reason: string;
  /** What to do about it; null when nothing is. */
  readonly advice: string | null;
}

/** Of the prompt, below which a hit proves little: what else was dropped may be what the other salt would have found. */
const HIT_SHARE_MIN = 0.5;
/** Below this a gain in time is the network's or the machine's. */
const GAIN_MS_MIN = 50;
/** As fast as a hit, give or take. */
const LIKE_A_HIT = 1.25;

const UNPROVEN_ADVICE: Readonly<Record<string, string>> = {
  vllm: "start it with --enable-prompt-tokens-details, and without --no-enable-prefix-caching",
  sglang: "start it with --enable-cache-report, and without --disable-radix-cache",
};
const UNPROVEN_ELSE =
  "switch on its prefix cache, and that usage tells prompt_tokens_details.cached_tokens";

/** `unsent`: why the gateway sends this model no salt; null where it does. */
export function conclude(
  [first, again, other]: readonly [Leg, Leg, Leg],
  engine: string,
  unsent: string | null,
): Conclusion {
  const found = [first, other].find(({ cachedTokens }) => (cachedTokens ?? 0) > 0);
  if (found !== undefined) {
    const reason = `${found.cachedTokens} tokens came from a cache under a salt that nobody had used`;
    return { isolation: "shared", reason, advice: unshare(engine, unsent) };
  }
  if ((again.cachedTokens ?? 0) <= 0) {
    const reason =
      again.cachedTokens === null
        ? "it does not say what came from its cache"
        : "nothing came from its cache, not even under the same salt";
    return { isolation: "unproven", reason, advice: UNPROVEN_ADVICE[engine] ?? UNPROVEN_ELSE };
  }
  if ((again.cachedTokens ?? 0) < HIT_SHARE_MIN * (again.inputTokens ?? 0)) {
    const reason = `only ${again.cachedTokens} of ${again.inputTokens} tokens came from its cache under the same salt`;
    const advice = "give it a larger cache, or test it again while it is idle";
    return { isolation: "unproven", reason, advice };
  }
  if (other.cachedTokens === null) {
    const reason = "it did not say what came from its cache under the other salt";
    return { isolation: "unproven", reason, advice: "test it again" };
  }
  const isFast =
    first.firstTokenMs - other.firstTokenMs >= GAIN_MS_MIN &&
    other.firstTokenMs <= again.firstTokenMs * LIKE_A_HIT &&
    first.firstTokenMs - again.firstTokenMs >= GAIN_MS_MIN;
  if (isFast) {
    const reason =
      "under the other salt it says that nothing was cached, and was as fast as if it had been";
    return {
      isolation: "unproven",
      reason,
      advice: "test it again while it is idle; if it stays so, look for a cache outside the engine",
    };
  }
  const reason = `${again.cachedTokens} tokens came from its cache under the same salt, none under another`;
  return { isolation: "kept", reason, advice: null };
}

function unshare(engine: string, unsent: string | null): string {
  if (unsent !== null) return `no salt is sent to it, since ${unsent}`;
  return `switch off what shares its cache: an offload cache that knows no salts, or ${engine} of a version before salts`;
}
