// Reads all ledgers of a tenant as one: what they come to together, when each of them was read, and which did not answer.
import type { Standing } from "../policies/ledger/standing.ts";
import { wholeOf, type Whole } from "../policies/ledger/whole.ts";
import { askEach } from "./ask-each.ts";
import { logError } from "./log.ts";

export interface WholeUsage {
  readonly whole: Whole;
  readonly ledgers: readonly { readonly name: string; readonly atMs: number }[];
  /** Names of those that did not answer: what they know is not in the figures. */
  readonly missing: readonly string[];
  /** Whether what is lent is known, and so what is left. */
  readonly isOwnerHeard: boolean;
}

/**
 * `names`: the owner's first. `isEveryBorrower` false: it lends to others too, of whom it knows what they reported. Throws
 * what the first of them threw when none answers.
 */
export async function readWhole(
  names: readonly string[],
  zone: string,
  read: (name: string) => Promise<Standing>,
  isEveryBorrower = true,
): Promise<WholeUsage> {
  const heard = await askEach(names, read);
  const answered = heard.flatMap((one) => (one.kind === "answered" ? [one] : []));
  const failed = heard.flatMap((one) => (one.kind === "failed" ? [one] : []));
  for (const { name: ledger, error } of failed) {
    const problem = String(error);
    logError("ledger-unreachable", { ledger, problem });
  }
  if (answered.length === 0) throw failed[0]?.error;
  const [owner] = names;
  const own = answered.find(({ name }) => name === owner)?.answer ?? null;
  const shards = answered.filter(({ name }) => name !== owner).map(({ answer }) => answer);
  const isEveryShard = isEveryBorrower && failed.every(({ name }) => name === owner);
  return {
    whole: wholeOf(own, shards, isEveryShard, zone),
    ledgers: answered.map(({ name, answer: { atMs } }) => ({ name, atMs })),
    missing: failed.map(({ name }) => name),
    isOwnerHeard: own !== null,
  };
}
