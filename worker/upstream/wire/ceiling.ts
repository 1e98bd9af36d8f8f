// A policy's ceiling on thinking, over whatever stands in a body: what an engine may still be told, its own budget put
// beside a client's fields where there is one, and whether thinking is then bounded or only the whole answer can be.
import type { Effort } from "../../../policies/catalog.ts";
import { EFFORT_TOKENS, effortsWithin } from "../../../policies/effort.ts";
import { applyEdits, editMembers, members, type FieldTexts } from "../../stream/json-text.ts";
import { USUAL_EFFORTS, type Ceiling, type Engine, type Traits } from "../engine.ts";
import { standingOf, type Bound } from "./lower.ts";

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

/** For a call whose thinking is the client's. `off`: what surely tells this engine not to think; empty if nothing does. */
export function capAsSent(
  engine: Engine,
  traits: Traits,
  { tokens, standing }: Ceiling,
  outputTokens: number,
  off: Readonly<Record<string, unknown>>,
): AsSent {
  const leave = (thinks: Thinks): AsSent => ({ fields: {}, thinks, change: null });
  const valueOf = (key: string): unknown => JSON.parse(standing.get(key) ?? "null");
  const valueAt = ([head = "", ...rest]: readonly string[]): unknown =>
    rest.reduce<unknown>(stepInto, valueOf(head)) ?? null;
  const saysOff =
    (valueOf("reasoning_effort") === "none" && heedsNone(engine, traits)) ||
    (Object.keys(off).length > 0 &&
      Object.entries(off).every(([key, value]) => holds(valueOf(key), value)));
  if (traits.thinking === "never" || saysOff) return leave("not");
  const { budget } = engine;
  if (budget !== null && traits.has("thinking-cap")) {
    const [head, ...rest] = budget.path;
    if (budget.isOptIn && valueOf(head) === null) return leave("not");
    // One that is above the ceiling, or no bound at all, is lowered where it stands.
    if (typeof valueAt(budget.path) === "number") return leave("bounded");
    if (budget.standsAlone && budget.excludes.every((path) => valueAt(path) === null)) {
      // The bound on the whole answer is the narrower one, and a budget beside it would be refused by some.
      if (tokens >= outputTokens) return leave("bounded");
      const cap = Math.min(tokens, traits.thinkingTokensMax ?? Infinity);
      const fields = { [head]: rest.reduceRight<unknown>((inner, key) => ({ [key]: inner }), cap) };
      return { fields, thinks: "bounded", change: `${budget.path.join(".")} ${cap} added` };
    }
  }
  // Of a model whose thinking nothing is known of, it is open: it may think by itself.
  return leave(tokens >= outputTokens ? "bounded" : "open");
}

/** The word none is heeded where the catalog says that efforts are, and that this is one of them. */
function heedsNone({ misreadsEffort, efforts }: Engine, traits: Traits): boolean {
  if (misreadsEffort === true || !traits.has("effort") || traits.thinking === "always")
    return false;
  return (traits.efforts ?? efforts ?? USUAL_EFFORTS).includes("none");
}

/** What is set in one of the client's objects, at any depth; the rest of it stays as it was written. */
export function setInside(text: string | undefined, value: unknown): string {
  if (text?.startsWith("{") !== true || typeof value !== "object" || value === null)
    return JSON.stringify(value);
  const standing = standingOf(text, members(text));
  const fields = Object.entries(value).map(([key, inner]) => [
    key,
    setInside(standing.get(key), inner),
  ]);
  return applyEdits(text, editMembers(text, Object.fromEntries(fields) as FieldTexts));
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
