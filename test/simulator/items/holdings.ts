// The world of `possession.ts`: what each holder has while the clauses go by, and the answer at their end. Whatever is
// not certain, a pronoun for one of two people or a loss of what nobody had, leaves the question unanswered.
import { makeItem, type Item, type StepName } from "./item.ts";
import { isKindOf, stem } from "./phrase.ts";
import type { Amount, PossessionClause } from "./possession.ts";

type Holding = { readonly who: string; readonly what: string; count: number };
type Ask = Extract<PossessionClause, { kind: "ask" }>;
type Change = Extract<PossessionClause, { kind: "change" }>;
type Compare = Extract<PossessionClause, { kind: "compare" }>;

const pronoun = /^(?:he|she|it|they|him|her|them|we)$/;

export function answerPossession(clauses: readonly PossessionClause[]): Item | null {
  const asks = clauses.filter((clause): clause is Ask => clause.kind === "ask");
  const [ask] = asks;
  if (asks.length !== 1 || ask === undefined) return null;
  const world = createWorld();
  for (const clause of clauses) if (!world.apply(clause)) return null;
  return world.answer(ask);
}

function createWorld(): {
  apply: (clause: PossessionClause) => boolean;
  answer: (ask: Ask) => Item | null;
} {
  const holdings: Holding[] = [];
  const subjects: string[] = [];
  const pending: Compare[] = [];
  const steps: StepName[] = [];
  const operands: number[] = [];
  const words: string[] = [];
  /** Of them only what they got is known, not what they had before. */
  const unknown = new Set<string>();
  let lastWhat: string | null = null;

  /** A name as it is, a pronoun as the only one who was spoken of. */
  function resolve(name: string, besides: string | null = null): string | null {
    if (/^(?:i|me)$/.test(name)) return "i";
    if (!pronoun.test(name)) return stem(name);
    const others = [...new Set(subjects)].filter((one) => one !== besides);
    return others.length === 1 ? (others[0] ?? null) : null;
  }

  function find(who: string, what: string | null): Holding | null {
    const own = holdings.filter((holding) => holding.who === who);
    const fitting = what === null ? own : own.filter((holding) => isKindOf(holding.what, what));
    if (fitting.length === 1) return fitting[0] ?? null;
    if (what !== null) return null;
    return own.find((holding) => holding.what === lastWhat) ?? null;
  }

  function speakOf(who: string): void {
    subjects.push(who);
  }

  function changeOne(who: string, sign: 1 | -1, amount: Amount): boolean {
    const holding = find(who, amount.what);
    if (holding === null) {
      // What is got by one who had nothing of it is all that he has, unless it is said to be more.
      const what = amount.what === null ? lastWhat : stem(amount.what);
      if (sign < 0 || amount.isMore || amount.count === null || what === null) return false;
      holdings.push({ who, what, count: amount.count });
      operands.push(amount.count);
      lastWhat = what;
      return true;
    }
    const count = amount.count ?? holding.count / 2;
    steps.push(amount.count === null ? "divide" : sign > 0 ? "add" : "subtract");
    operands.push(amount.count ?? 2);
    holding.count += sign * count;
    lastWhat = holding.what;
    return holding.count >= 0;
  }

  function settleComparisons(): boolean {
    for (let again = pending.length; again > 0 && pending.length > 0; again -= 1) {
      const index = pending.findIndex(({ than, what }) => find(stem(than), what) !== null);
      const [compare] = index < 0 ? [] : pending.splice(index, 1);
      if (compare === undefined) return false;
      const other = find(stem(compare.than), compare.what);
      if (other === null || find(stem(compare.who), other.what) !== null) return false;
      const { by, count } = compare;
      steps.push(by === "times" ? "multiply" : by === "more" ? "add" : "subtract");
      operands.push(count);
      holdings.push({
        who: stem(compare.who),
        what: other.what,
        count:
          by === "times" ? other.count * count : other.count + (by === "more" ? count : -count),
      });
    }
    return pending.length === 0;
  }

  function apply(clause: PossessionClause): boolean {
    switch (clause.kind) {
      case "scene":
        if (clause.who !== null && !pronoun.test(clause.who)) speakOf(stem(clause.who));
        return true;
      case "set": {
        const who = resolve(clause.who);
        if (who === null) return false;
        for (const { count, what } of clause.amounts) {
          const thing = what === null ? lastWhat : stem(what);
          if (count === null || (thing === null && holdings.length > 0)) return false;
          if (find(who, thing) !== null) return false;
          holdings.push({ who, what: thing ?? "", count });
          operands.push(count);
          lastWhat = thing ?? "";
        }
        words.push(`${who}=${clause.amounts.map(({ count }) => count).join("+")}`);
        if (who !== "there") speakOf(who);
        return true;
      }
      case "change": {
        const owners = [...new Set(holdings.map((holding) => holding.who))];
        const last = subjects.at(-1) ?? (owners.length === 1 ? owners[0] : undefined);
        const who = clause.who === null ? (last ?? null) : resolve(clause.who);
        // "They eat 3" of what there is, and a stranger may take from it too.
        const isThere = holdings.length > 0 && holdings.every((holding) => holding.who === "there");
        const owner = isThere ? "there" : who;
        if (owner === null || pending.length > 0) return false;
        const isStranger = clause.sign < 0 && holdings.every((holding) => holding.who !== owner);
        // What a stranger gives counts for the one who gets it.
        if (isStranger && clause.other === null) return false;
        if (isStranger) unknown.add(owner);
        else if (!clause.amounts.every((amount) => changeOne(owner, clause.sign, amount)))
          return false;
        words.push(
          `${owner}${clause.sign > 0 ? "+" : "-"}${clause.amounts.map(({ count }) => count ?? "half").join("+")}`,
        );
        if (clause.who !== null && who !== null) speakOf(who);
        return clause.other === null || passOn(owner, clause);
      }
      case "compare": {
        const [who, than] = [resolve(clause.who), resolve(clause.than)];
        if (who === null || than === null || who === than) return false;
        pending.push({ ...clause, who, than });
        words.push(`${who}${clause.by}${clause.count}${than}`);
        speakOf(who);
        return true;
      }
      case "ask":
        return true;
    }
  }

  /** The other side of a gift: of one who was not spoken of, only the gift is known. */
  function passOn(owner: string, { other: name, sign, amounts }: Change): boolean {
    const other = resolve(name ?? "", owner);
    if (other === null || other === owner) return false;
    for (const { count, what } of amounts) {
      const holding = find(other, what ?? lastWhat);
      if (count === null && holding !== null) return false;
      if (holding === null) unknown.add(other);
      else {
        holding.count -= sign * (count ?? 0);
        steps.push(sign > 0 ? "subtract" : "add");
        operands.push(count ?? 0);
      }
    }
    return true;
  }

  function answer(ask: Ask): Item | null {
    if (!settleComparisons()) return null;
    const what = ask.what;
    const fits = (holding: Holding): boolean => what === null || isKindOf(holding.what, what);
    const owners = [...new Set(holdings.map((holding) => holding.who))];
    const named = ask.who.map((name) =>
      /^(?:they|we|there)$/.test(name) && owners.length > 1 ? "*" : resolve(name),
    );
    if (named.includes(null)) return null;
    const all = named.includes("*") || (named.length === 0 && (ask.isTotal || owners.length === 1));
    if (!all && named.length === 0) return null;
    if ((named.includes("*") || ask.isTotal) && unknown.size > 0) return null;
    if (named.some((name) => name !== null && unknown.has(name))) return null;
    let asked = holdings.filter((holding) => (all || named.includes(holding.who)) && fits(holding));
    // "How many fruits altogether?": a word for all of them, which none of them bears.
    if (asked.length === 0 && ask.isTotal)
      asked = holdings.filter((holding) => all || named.includes(holding.who));
    if (
      asked.length === 0 ||
      (!all && named.some((name) => !asked.some(({ who }) => who === name)))
    )
      return null;
    // Several things are added up only when that is asked.
    const isOneThing = new Set(asked.map((holding) => holding.what)).size === 1;
    if (
      asked.length > 1 &&
      !ask.isTotal &&
      !named.includes("*") &&
      named.length < 2 &&
      !isOneThing
    ) {
      if (what === null) return null;
    }
    let value = asked.reduce((sum, holding) => sum + holding.count, 0);
    for (let more = 1; more < asked.length; more += 1) steps.push("add");
    if (ask.than !== null) {
      const than = resolve(ask.than);
      const other = than === null ? null : find(than, what);
      if (other === null) return null;
      value = Math.abs(value - other.count);
      steps.push("subtract");
    }
    words.push(`?${named.join("+")}${what ?? ""}${ask.isTotal ? "all" : ""}${ask.than ?? ""}`);
    return makeItem("chain", words.join(";"), value, steps, operands);
  }

  return { apply, answer };
}
