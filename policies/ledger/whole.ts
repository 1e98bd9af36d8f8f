// What the ledgers of one tenant come to together: its own, which lends to shards, and the shards. Each of them counts its
// own calls, and the owner besides what shards reported to it and what it has lent; so that nothing counts twice, that is
// taken out of the owner's figures.
import { above, minus, NOTHING, plus, type Amounts } from "./amounts.ts";
import { bucketName } from "./bucket.ts";
import type { LeasedWindow } from "./entry.ts";
import type { LentPart } from "./loan.ts";
import { isOpen, type Standing, type StandingBucket, type StandingRate } from "./standing.ts";

/** A window of one ledger. */
export interface LedgerPart extends LeasedWindow, LentPart {
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly over: Amounts;
}

/** A window of all of them. */
export interface WholePart {
  readonly spent: Amounts;
  readonly held: Amounts;
  readonly over: Amounts;
  /** What the owner has lent, or was told too much, and nothing was spent or is held of. A shard's calls may still take it. */
  readonly lent: Amounts;
}

/** A tenant's parts of a rate are its shards', and each drains by itself. */
export interface WholeRate extends StandingRate {
  readonly isPart: boolean;
}

export interface Whole extends Omit<Standing, "buckets" | "rates"> {
  readonly buckets: readonly (Omit<StandingBucket, keyof LentPart> & WholePart)[];
  readonly rates: readonly WholeRate[];
}

/**
 * One window. `own` is the owner's, where it has one; `isEveryShard` false: of some nothing is known but what the owner
 * knows. Then `spent` is the least that it can be, and what is lent to those shards is `lent`.
 *
 * spent + held + lent is the owner's own spent + held, so at most its limit, but for what went over and for what moved
 * between one ledger's reading and the next one's.
 */
export function joinParts(
  own: LedgerPart | undefined,
  shards: readonly LedgerPart[],
  isEveryShard: boolean,
): WholePart {
  const { returned, lent: lentOut = NOTHING } = own ?? {};
  let spent = minus(own?.spent ?? NOTHING, returned?.spent ?? NOTHING);
  let held = minus(own?.held ?? NOTHING, lentOut);
  let over = minus(own?.over ?? NOTHING, returned?.over ?? NOTHING);
  let told = own?.spent ?? NOTHING;
  let drawn = NOTHING;
  for (const shard of shards) {
    const { unreported = NOTHING, unheard = NOTHING } = shard;
    spent = plus(spent, shard.spent);
    held = plus(held, shard.held);
    over = plus(over, shard.over);
    // A report that is under way may have been heard, so it is no more than what the owner says.
    told = plus(told, unreported);
    drawn = plus(drawn, plus(plus(unreported, unheard), shard.held));
  }
  if (!isEveryShard) {
    spent = greater(spent, told);
    over = greater(over, own?.over ?? NOTHING);
  }
  return { spent, held, over, lent: above(lentOut, drawn) };
}

function greater(left: Amounts, right: Amounts): Amounts {
  return plus(right, above(left, right));
}

/** All windows of all ledgers, by name. */
export function joinAll<Part extends LedgerPart>(
  own: readonly Part[],
  shards: readonly (readonly Part[])[],
  isEveryShard: boolean,
): (Omit<Part, keyof LentPart> & WholePart)[] {
  const owns = new Map(own.map((part) => [nameOf(part), part]));
  const parts = new Map<string, Part[]>();
  for (const part of shards.flat()) {
    const known = parts.get(nameOf(part));
    if (known === undefined) parts.set(nameOf(part), [part]);
    else known.push(part);
  }
  return [...new Set([...owns.keys(), ...parts.keys()])].flatMap((name) => {
    const [mine, others] = [owns.get(name), parts.get(name) ?? []];
    const [sample] = mine === undefined ? others : [mine];
    if (sample === undefined) return [];
    // Over what says how it stands to others; of that only `lent` means something of the whole.
    return [{ ...sample, ...joinParts(mine, others, isEveryShard) }];
  });
}

function nameOf({ scope, window, key }: LeasedWindow): string {
  return bucketName(scope, window, key);
}

/** What was read of a tenant's ledgers, perhaps at different times. `own` null: it did not answer. */
export function wholeOf(
  own: Standing | null,
  shards: readonly Standing[],
  isEveryShard: boolean,
  zone: string,
): Whole {
  const all = own === null ? shards : [own, ...shards];
  const sum = (of: (standing: Standing) => number): number =>
    all.reduce((total, standing) => total + of(standing), 0);
  const atMs = Math.max(...all.map((standing) => standing.atMs));
  const ratesOf = ({ rates }: Standing, isShard: boolean): WholeRate[] =>
    rates.map((rate) => ({ ...rate, isPart: isShard && !rate.scope.startsWith("key:") }));
  return {
    atMs,
    openHolds: sum(({ openHolds }) => openHolds),
    suspendedHolds: sum(({ suspendedHolds }) => suspendedHolds),
    // One that was read before midnight tells of a window that has turned since.
    buckets: joinAll(
      own?.buckets ?? [],
      shards.map(({ buckets }) => buckets),
      isEveryShard,
    ).filter(({ window, key }) => isOpen(window, key, zone, atMs)),
    rates: [
      ...(own === null ? [] : ratesOf(own, false)),
      ...shards.flatMap((shard) => ratesOf(shard, true)),
    ],
    lambda: Math.max(...all.map(({ lambda }) => lambda)),
  };
}
