// What an engine that can reuse caches at any position might make of an alignment: advice, never a saving. Spans are
// offered only where the donor computed them with nothing before them or the same, since whatever else stood before
// could steer what comes after (HijackKV, arXiv 2607.19957); the engine must verify their content.
import type { Span } from "./align.ts";

/** In UTF-16 units of the prompt's canonical text. */
export interface ReuseHint {
  readonly namespace: string;
  readonly spans: readonly {
    readonly from: number;
    readonly to: number;
    readonly donor: string;
    readonly delta: number;
    readonly context: "prefix" | "canonical";
  }[];
  /** Everything else, and the first tokens of every span that is not the prefix. */
  readonly recompute: readonly (readonly [from: number, to: number])[];
  /** The first 16 tokens of a chunk are computed again (EPIC's LegoLink). */
  readonly policy: "epic-16";
  readonly prefixUnits: number;
  /** Output that is made so is approximate, and lengths are of text, not of tokens. */
  readonly isEstimated: true;
}

/** 16 tokens. */
const RECOMPUTED_UNITS = 64;

/** Null where nothing may be offered beyond the prefix, which engines find by themselves. */
export function reuseHint(
  namespace: string,
  aligned: readonly Span[],
  promptUnits: number,
): ReuseHint | null {
  const spans: ReuseHint["spans"][number][] = [];
  for (const { from, to, donor, delta, context } of aligned)
    if (context !== "other") spans.push({ from, to, donor: donor.name, delta, context });
  if (!spans.some(({ context }) => context === "canonical")) return null;
  const recompute: [number, number][] = [];
  let computedTo = 0;
  for (const { from, to, context } of spans) {
    const until = context === "prefix" ? from : from + RECOMPUTED_UNITS;
    if (until > computedTo) recompute.push([computedTo, until]);
    computedTo = to;
  }
  if (promptUnits > computedTo) recompute.push([computedTo, promptUnits]);
  const prefixUnits = spans[0]?.context === "prefix" ? spans[0].to : 0;
  return { namespace, spans, recompute, policy: "epic-16", prefixUnits, isEstimated: true };
}
