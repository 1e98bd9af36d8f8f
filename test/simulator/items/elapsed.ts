// The answer to the clauses of `rates.ts`: an amount from a rate and a time, a time from an amount, or the rate itself.
import { makeItem, type Item, type StepName } from "./item.ts";
import { isKindOf, stem } from "./phrase.ts";
import { convertAmount, findUnit } from "./units.ts";

export type Told = { readonly amount: number; readonly what: string; readonly per: string };
export type Lasted = { readonly time: number; readonly unit: string };
export type RateClause =
  | { readonly kind: "scene" }
  | { readonly kind: "rate"; readonly rate: Told; readonly lasted: Lasted | null }
  /** An amount and the time that it took. */
  | {
      readonly kind: "done";
      readonly amount: number;
      readonly what: string;
      readonly lasted: Lasted;
    }
  | { readonly kind: "lasted"; readonly lasted: Lasted }
  | {
      readonly kind: "ask-amount";
      /** "" for a distance, "¤" for money. */
      readonly what: string;
      readonly lasted: Lasted | null;
      readonly rate: Told | null;
    }
  | {
      readonly kind: "ask-time";
      readonly unit: string | null;
      readonly amount: number;
      readonly what: string;
      readonly rate: Told | null;
    }
  | { readonly kind: "ask-rate"; readonly per: string | null };

type Ask = Extract<RateClause, { readonly kind: `ask${string}` }>;

export function settleRate(clauses: readonly RateClause[]): Item | null {
  let rate: Told | null = null;
  let done: Extract<RateClause, { kind: "done" }> | null = null;
  let lasts: Lasted | null = null;
  let asked: Ask | null = null;
  for (const clause of clauses) {
    const more =
      clause.kind === "rate" || clause.kind === "lasted" || clause.kind === "ask-amount"
        ? clause.lasted
        : null;
    if (more !== null && lasts !== null) return null;
    lasts ??= more;
    switch (clause.kind) {
      case "scene":
      case "lasted":
        break;
      case "rate":
        if (rate !== null) return null;
        rate = clause.rate;
        break;
      case "done":
        if (done !== null) return null;
        done = clause;
        break;
      case "ask-amount":
      case "ask-time":
      case "ask-rate":
        if (asked !== null) return null;
        asked = clause;
    }
  }
  if (asked === null || (rate !== null && done !== null)) return null;
  const steps: StepName[] = [];
  const operands: number[] = [];

  /** Time in the unit that the rate is told in. */
  function timeIn(unit: string, { time, unit: given }: Lasted): number | null {
    operands.push(time);
    if (stem(unit) === stem(given)) return time;
    steps.push("convert");
    return convertAmount(time, given, unit);
  }

  function rateOf(own: Told | null): Told | null {
    if (own !== null) return rate === null && done === null ? own : null;
    if (rate !== null || done === null) return rate;
    steps.push("divide");
    operands.push(done.lasted.time);
    return { amount: done.amount / done.lasted.time, what: done.what, per: done.lasted.unit };
  }

  const value = answer(asked);
  if (value === null) return null;
  const what = rate?.what ?? done?.what ?? "";
  const family =
    isDistance(what) || ("rate" in asked && isDistance(asked.rate?.what ?? ""))
      ? "travel"
      : "chain";
  return makeItem(
    family,
    `${asked.kind};${steps.join("+")};${operands.join(",")}`,
    value,
    steps,
    operands,
  );

  function answer(ask: Ask): number | null {
    switch (ask.kind) {
      case "ask-amount": {
        const known = rateOf(ask.rate);
        if (known === null || lasts === null || !fits(ask.what, known.what)) return null;
        const time = timeIn(known.per, lasts);
        steps.push("rate");
        operands.push(known.amount);
        return time === null ? null : known.amount * time;
      }
      case "ask-time": {
        const known = rateOf(ask.rate);
        if (known === null || lasts !== null || known.amount === 0) return null;
        if (ask.what !== "" && stem(ask.what) !== stem(known.what)) return null;
        operands.push(ask.amount, known.amount);
        steps.push("rate");
        const time = ask.amount / known.amount;
        if (ask.unit === null || stem(ask.unit) === stem(known.per)) return time;
        steps.push("convert");
        return convertAmount(time, known.per, ask.unit);
      }
      case "ask-rate": {
        if (done === null || rate !== null || lasts !== null) return null;
        operands.push(done.amount);
        const time = timeIn(ask.per ?? done.lasted.unit, done.lasted);
        steps.push("rate");
        return time === null || time === 0 ? null : done.amount / time;
      }
    }
  }
}

/** "How far" is answered by a distance, "how much" by money, and another thing by its name. */
function fits(asked: string, what: string): boolean {
  if (asked === "") return isDistance(what);
  if (asked === "¤" || asked === "money")
    return what === "¤" || (!isDistance(what) && what !== "" && findUnit(what) !== null);
  return isKindOf(what, asked) || (isDistance(what) && stem(asked) === stem(what));
}

function isDistance(what: string): boolean {
  return findUnit(what)?.dimension === "length";
}
