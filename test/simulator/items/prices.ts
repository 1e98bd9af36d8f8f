// What things cost: "A pen costs 3 and a book 12. What do 4 pens and 2 books cost?", change, what a sum can buy, and
// what is left of it. A price that was told for several is divided; a price that nobody told has no answer.
import { settleBill, type Order, type PriceClause } from "./bill.ts";
import type { Item } from "./item.ts";
import { isKindOf, isScenery, phrase, readClauses } from "./phrase.ts";

const buys =
  "(?:buys?|bought|orders?|ordered|gets?|got|purchases?|purchased|wants?(?: to buy)?|needs?(?: to buy)?|takes?|took|sells?|sold|is buying|am buying)";
const costs =
  "(?:costs?|cost|is|are|was|were|sells? for|sold for|goes for|is priced at|are priced at|are sold for|is sold for)(?: only)?";
const percent = "(?:%| percent| per cent)";

const tells: readonly (readonly [RegExp, (groups: readonly string[]) => PriceClause | null])[] = [
  [
    phrase(`{n} {what} ${costs} {m}{each}`),
    ([count, what = "", price]) => bought([order(count, what, price, false)]),
  ],
  [
    phrase(`(?:a pack of |a box of )?{n} {what} ${costs} {m}(?: in total| together| altogether)?`),
    ([count, what = "", price]) => priceOf(what, count, price),
  ],
  [
    phrase(`(?:the price of |the cost of )?(?:each|every|1|an?|the) {what} ${costs} {m}{each}?`),
    ([what = "", price]) => priceOf(what, "1", price),
  ],
  [
    phrase(
      `(?:the price of |the cost of )?{what} ${costs} {m}(?:{each}| (?:an?|per|for an?) ([a-z]+))?`,
    ),
    ([what = "", price, unit]) =>
      unit === undefined || isKindOf(what, unit) ? priceOf(what, "1", price) : null,
  ],
  [phrase(`they ${costs} {m}{each}`), ([price]) => priceOf("*", "1", price)],
  [phrase(`each(?: one| 1)? ${costs} {m}`), ([price]) => priceOf("*", "1", price)],
  [
    phrase(`(?:an? |each |1 )?{what}(?: for| at)? {m}{each}?`),
    ([what = "", price]) => ({ kind: "gap", what, price: Number(price) }),
  ],
  [
    phrase(`(?:{who} )?${buys} ((?:\\d|an? ).*)`),
    ([, rest = ""]) => {
      const orders = readOrders(rest);
      return orders === null ? null : bought(orders);
    },
  ],
  [
    phrase(
      `(?:{who} )?(?:pays?|paid|pays? for (?:it|them))(?: with)?(?: an?)? {m}(?: note| bill)?`,
    ),
    ([, amount]) => ({ kind: "money", amount: Number(amount) }),
  ],
  [
    phrase(`(?:{who} )?(?:has|have|had|starts? with)(?: an?)? {m}(?: note| bill)?`),
    ([, amount]) => ({ kind: "money", amount: Number(amount) }),
  ],
  [
    phrase(
      `(?:there is |they are |it is |it's |{who} is |{who} gets |(?:is )?on sale (?:for|at) |with )?(?:an? |now )?{n}${percent} (?:off|discount)`,
    ),
    ([, , rate]) => ({ kind: "off", percent: Number(rate), sign: -1 }),
  ],
  [
    phrase(
      `(?:the price |it |{who} )?(?:is |was )?(?:discounted|reduced|decreased|cut|drops|falls|goes down)(?: by)? {n}${percent}`,
    ),
    ([, rate]) => ({ kind: "off", percent: Number(rate), sign: -1 }),
  ],
  [
    phrase(
      `(?:the price |it |its price |{who} )?(?:is |was )?(?:raised|increased|increases|rises|goes up|rose)(?: by)? {n}${percent}`,
    ),
    ([, rate]) => ({ kind: "off", percent: Number(rate), sign: 1 }),
  ],
  [
    phrase(`how much more {aux} (?:an?|the|1) {what} cost than (?:an?|the|1) {what}`),
    ([first = "", second = ""]) => ({ kind: "ask-difference", first, second }),
  ],
  [
    phrase(`how much more (?:expensive )?is (?:an?|the|1) {what} than (?:an?|the|1) {what}`),
    ([first = "", second = ""]) => ({ kind: "ask-difference", first, second }),
  ],
  [
    phrase(
      `(?:how much|what)(?: is| are| {aux}| would)?(?: it cost to buy| the (?:total )?(?:price|cost) (?:of|for)| i pay for| (?:i|you|he|she|we|they) (?:have to )?pay for| {who} pay for)? ((?:\\d|an? |each ?).*?)(?: cost| come to)?(?: together| altogether| in total| in all)?`,
    ),
    ([, rest = ""]) => (rest === "" ? null : askCost(rest)),
  ],
  [
    phrase(`what (?:is|would be) the (?:total )?(?:price|cost) (?:of|for) (.*)`),
    ([rest = ""]) => askCost(rest),
  ],
  [
    phrase(
      `(?:how much|what)(?: money)? {aux} {who} (?:have to |need to )?(?:pay|spend|owe|earn|make|need){fin}(?: for (?:it|them|everything))?`,
    ),
    () => askCost(""),
  ],
  [
    phrase(
      `(?:how much|what) {aux} (?:it|they|this|that|that all|everything|{who}) cost(?: (?:him|her|them|me|us|now))?{fin}`,
    ),
    () => askCost(""),
  ],
  [
    phrase(`(?:how much|what) is (?:it|that|everything)(?: (?:together|altogether|in total|now))?`),
    () => askCost(""),
  ],
  [
    phrase(
      `what is the (?:(?:new|final|sale|total|discounted|reduced) )?(?:price|cost|bill|total|total cost|total price)(?: now)?`,
    ),
    () => askCost(""),
  ],
  [
    phrase(
      `how much change {aux} {who} (?:get|have|receive)(?: back)?(?: from(?: an?)? {m}(?: note| bill)?)?`,
    ),
    ([, from]) => ({
      kind: "ask-change",
      from: from === undefined || from === "" ? null : Number(from),
    }),
  ],
  [
    phrase(`(?:how much|what) (?:is the )?change(?: is (?:there|due))?`),
    () => ({ kind: "ask-change", from: null }),
  ],
  [
    phrase(`how much(?: money)? {aux} {who} (?:still )?have{fin}`),
    () => ({ kind: "ask-change", from: null }),
  ],
  [phrase(`how much(?: money)? is{fin}`), () => ({ kind: "ask-change", from: null })],
  [
    phrase(
      `how many(?: {what})? (?:can|could) {who} (?:buy|get|afford)(?: (?:with|for)(?: an?)? {m}(?: note| bill)?)?`,
    ),
    ([what = "", , amount]) => ({
      kind: "ask-count",
      what: what === "" ? null : what,
      amount: amount === undefined || amount === "" ? null : Number(amount),
    }),
  ],
];

export function readPrices(sentences: readonly string[]): Item | null {
  const clauses = readClauses(sentences, readClause);
  return clauses === null ? null : settleBill(clauses);
}

function readClause(text: string): PriceClause | null {
  for (const [pattern, tell] of tells) {
    const match = pattern.exec(text);
    const clause = match === null ? null : tell(match.slice(1));
    if (clause !== null) return clause;
  }
  return isScenery(text) ? { kind: "scene" } : null;
}

function priceOf(what: string, count: string | undefined, price: string | undefined): PriceClause {
  return { kind: "price", what, count: Number(count), price: Number(price) };
}

function bought(orders: readonly Order[]): PriceClause {
  return { kind: "bought", orders };
}

function askCost(rest: string): PriceClause | null {
  const orders = rest === "" ? [] : readOrders(rest);
  return orders === null || orders.some(({ price }) => price !== null)
    ? null
    : { kind: "ask-cost", orders };
}

function order(
  count: string | undefined,
  what: string,
  price: string | undefined,
  isWhole: boolean,
): Order {
  return {
    count: Number(count),
    what: what === "" ? null : what,
    price: price === undefined ? null : Number(price),
    isWhole,
  };
}

const ordered = phrase(
  `(?:{n}|an?|1|each)(?: of (?:them|those|these))?(?: {what})?(?:,? (at|for|costing|that cost|that costs|which cost|priced at|worth) {m}({each}| (?:an?|per|for an?) ([a-z]+))?)?`,
);

function readOrders(text: string): readonly Order[] | null {
  const orders: Order[] = [];
  for (const part of text.split(/,? and |, /)) {
    const match = ordered.exec(part);
    if (match === null) return null;
    const [, count = "1", what, word, price, each, unit] = match;
    if (unit !== undefined && !isKindOf(what ?? "", unit)) return null;
    orders.push(
      order(count, what ?? "", price, word !== undefined && each === undefined && count !== "1"),
    );
  }
  return orders;
}
