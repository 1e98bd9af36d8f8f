// A policy's ceiling on thinking, over whatever stands in a body: what an engine may still be told, its own budget put
// beside a client's fields where there is one, and whether thinking is then bounded or only the whole answer can be.
import type { Effort } from "../../../policies/catalog.ts";
import { EFFORT_TOKENS, effortsWithin } from "../../../policies/effort.ts";
import { applyEdits, editMembers } from "../../stream/json-text.ts";
import { USUAL_EFFORTS, type Ceiling, type Engine, type Traits } from "../engine.ts";
import type { Bound } from "./lower.ts";

/** Of a call: it does not think, it thinks within the ceiling, or nothing but the whole answer's bound holds it. */
export type Thinks = "not" | "bounded" | "open";

export interface Limits {
  /** The ceiling is below the least that this engine can be told, so thinking is switched off. */
  readonly stops: boolean;
  /** The model's, with the efforts that the ceiling leaves. */
  readonly traits: Traits;
  /** For the client's own fields. */
  readonly bound: Bound;
}

export function limitsOf(engine: Engine, traits: Traits, tokens: number): Limits {
  const offered = traits.efforts ?? engine.efforts ?? USUAL_EFFORTS;
  const levels = effortsWithin(Infinity, offered).filter((effort) => effort !== "none");
  const within = effortsWithin(tokens, levels);
  const stops = tokens < leastTokens(engine, traits, levels[0]);
  // Where a budget is told as well, an effort above the ceiling is no more than a hint.
  const left = within.length > 0 || stops ? within : levels.slice(0, 1);
  const none: readonly Effort[] = offered.includes("none") ? ["none"] : [];
  const least = none[0] ?? levels[0] ?? "none";
  return {
    stops,
    traits: stops ? traits : { ...traits, efforts: [...none, ...left] },
    bound: {
      tokens: stops ? 0 : tokens,
      efforts: stops ? [least] : effortsWithin(tokens),
      effort: stops ? least : (left.at(-1) ?? least),
      stops,
    },
  };
}

/** The least thinking that can be asked for, apart from none. */
function leastTokens(engine: Engine, traits: Traits, level: Effort | undefined): number {
  if (engine.budget !== null && traits.has("thinking-cap"))
    return Math.max(engine.budget.tokensMin, traits.thinkingTokensMin ?? 1);
  return traits.has("effort") && level !== undefined ? EFFORT_TOKENS[level] : 1;
}

export interface AsSent {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly thinks: Thinks;
  readonly change: string | null;
}

/** For a call whose thinking is the client's. `off`: what would tell this engine not to think. */
export function capAsSent(
  engine: Engine,
  traits: Traits,
  { tokens, standing }: Ceiling,
  outputTokens: number,
  off: Readonly<Record<string, unknown>>,
  mayThink: boolean,
): AsSent {
  const leave = (thinks: Thinks): AsSent => ({ fields: {}, thinks, change: null });
  const valueOf = (key: string): unknown => JSON.parse(standing.get(key) ?? "null");
  const effort = valueOf("reasoning_effort");
  const saysOff =
    (engine.readsEffort && effort === "none") ||
    (Object.keys(off).length > 0 &&
      Object.entries(off).every(([key, value]) => holds(valueOf(key), value)));
  if (traits.thinking === "never" || saysOff) return leave("not");
  const { budget } = engine;
  if (budget !== null && traits.has("thinking-cap")) {
    const [head, ...rest] = budget.path;
    const own = rest.reduce<unknown>(stepInto, valueOf(head));
    if (budget.isOptIn && valueOf(head) === null) return leave("not");
    // One that is above the ceiling, or no bound at all, is lowered where it stands.
    if (!budget.isHidden && typeof own === "number") return leave("bounded");
    if (budget.standsAlone && !(budget.excludesEffort && effort !== null)) {
      // The bound on the whole answer is the narrower one, and a budget beside it would be refused by some.
      if (tokens >= outputTokens) return leave("bounded");
      const cap = Math.min(tokens, traits.thinkingTokensMax ?? Infinity);
      const fields = { [head]: rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), cap) };
      return { fields, thinks: "bounded", change: `${budget.path.join(".")} ${cap} added` };
    }
  }
  if (tokens >= outputTokens) return leave("bounded");
  return leave(mayThink ? "open" : "not");
}

/** What is set in one of the client's objects; the rest of it stays as it was written. */
export function setInside(text: string | undefined, value: object): string {
  const fields = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, JSON.stringify(inner)]),
  );
  return text?.startsWith("{") === true
    ? applyEdits(text, editMembers(text, fields))
    : JSON.stringify(value);
}

/** `value` says all that `part` does. */
function holds(value: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return value === part;
  return Object.entries(part).every(([key, inner]) => holds(stepInto(value, key), inner));
}

function stepInto(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
