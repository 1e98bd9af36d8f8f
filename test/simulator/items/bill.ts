// The sum that the clauses of `prices.ts` come to: what was ordered at what it costs, and what is asked of that. A price
// that was told for several is divided; a price that nobody told has no answer.
import { makeItem, type Item, type StepName } from "./item.ts";
import { isKindOf, stem } from "./phrase.ts";

/** So many of a thing; null for the only thing that was spoken of. */
export type Order = {
  readonly count: number;
  readonly what: string | null;
  /** For each, or for all of them. */
  readonly price: number | null;
  readonly isWhole: boolean;
};
export type PriceClause =
  | { readonly kind: "scene" }
  | {
      readonly kind: "price";
      readonly what: string;
      readonly count: number;
      readonly price: number;
    }
  | { readonly kind: "gap"; readonly what: string; readonly price: number }
  | { readonly kind: "bought"; readonly orders: readonly Order[] }
  | { readonly kind: "money"; readonly amount: number }
  | { readonly kind: "off"; readonly percent: number; readonly sign: 1 | -1 }
  | { readonly kind: "ask-cost"; readonly orders: readonly Order[] }
  | { readonly kind: "ask-difference"; readonly first: string; readonly second: string }
  | { readonly kind: "ask-change"; readonly from: number | null }
  | { readonly kind: "ask-count"; readonly what: string | null; readonly amount: number | null };

type Ask = Extract<PriceClause, { readonly kind: `ask${string}` }>;

export function settleBill(clauses: readonly PriceClause[]): Item | null {
  const prices: { readonly what: string; readonly count: number; readonly price: number }[] = [];
  const orders: Order[] = [];
  const steps: StepName[] = [];
  const operands: number[] = [];
  let money: number | null = null;
  let factor = 1;
  let asked: Ask | null = null;
  let before: PriceClause["kind"] = "scene";
  for (const clause of clauses) {
    switch (clause.kind) {
      case "scene":
        break;
      case "gap":
        if (before !== "price" && before !== "gap") return null;
        prices.push({ ...clause, count: 1 });
        break;
      case "price":
        prices.push(clause);
        break;
      case "bought":
        orders.push(...clause.orders);
        break;
      case "money":
        if (money !== null) return null;
        money = clause.amount;
        operands.push(money);
        break;
      case "off":
        factor *= 1 + (clause.sign * clause.percent) / 100;
        steps.push("percentage");
        operands.push(clause.percent);
        break;
      case "ask-cost":
      case "ask-difference":
      case "ask-change":
      case "ask-count":
        if (asked !== null) return null;
        asked = clause;
    }
    before = clause.kind;
  }
  if (asked === null) return null;

  function priceFor(what: string | null): number | null {
    const fitting = prices.filter(
      (price) =>
        what === null ||
        price.what === "*" ||
        isKindOf(price.what, what) ||
        isKindOf(what, price.what),
    );
    const [price] = fitting;
    if (fitting.length !== 1 || price === undefined) return null;
    operands.push(price.price, price.count);
    if (price.count !== 1) steps.push("divide");
    return price.price / price.count;
  }

  function total(list: readonly Order[]): number | null {
    let sum = 0;
    for (const [index, { count, what, price, isWhole }] of list.entries()) {
      const each = price ?? priceFor(what);
      if (each === null) return null;
      if (price !== null) operands.push(price);
      operands.push(count);
      if (count !== 1 && !isWhole) steps.push("multiply");
      if (index > 0) steps.push("add");
      sum += isWhole ? each : each * count;
    }
    return sum * factor;
  }

  /** What was bought, or the one thing that has a price. */
  function spent(): number | null {
    if (orders.length > 0) return total(orders);
    const [only] = prices;
    return prices.length === 1 && only !== undefined && only.count === 1
      ? total([{ count: 1, what: only.what, price: null, isWhole: false }])
      : null;
  }

  const value = answer(asked);
  if (value === null || operands.length < 2) return null;
  const told = [
    ...prices.map(({ what, count, price }) => `${count} ${stem(what)}=${price}`),
    money ?? "",
  ].join(",");
  const wanted = [...orders, ...(asked.kind === "ask-cost" ? asked.orders : [])]
    .map(({ count, what, price }) => `${count} ${stem(what ?? "")}${price ?? ""}`)
    .join(",");
  return makeItem("shopping", `${told};${wanted};${factor};${asked.kind}`, value, steps, operands);

  function answer(ask: Ask): number | null {
    switch (ask.kind) {
      case "ask-cost":
        return ask.orders.length === 0 ? spent() : orders.length > 0 ? null : total(ask.orders);
      case "ask-difference": {
        const [first, second] = [priceFor(ask.first), priceFor(ask.second)];
        if (first === null || second === null) return null;
        steps.push("subtract");
        return (first - second) * factor;
      }
      case "ask-change": {
        const from = ask.from ?? money;
        const cost = orders.length === 0 && money === null ? null : spent();
        if (from === null || cost === null || cost > from) return null;
        if (ask.from !== null) operands.push(ask.from);
        steps.push("subtract");
        return from - cost;
      }
      case "ask-count": {
        const amount = ask.amount ?? money;
        const each = orders.length > 0 ? null : priceFor(ask.what);
        if (amount === null || each === null || each === 0) return null;
        operands.push(amount);
        steps.push("divide");
        // Against the noise of doubles: ten of .1 fit into 1.
        return Math.floor(amount / (each * factor) + 1e-9);
      }
    }
  }
}
