// Calls that wait for a loan: what their ledger was refused a moment ago, and what was lent for them and not taken yet. In
// memory alone: forgotten, it costs a message.
import type { ReplenishAnswer } from "../policies/account.ts";
import { bucketName } from "../policies/ledger/bucket.ts";
import type { LeasedWindow, Path } from "../policies/ledger/entry.ts";

/** A lender that had nothing is not asked again at once, or everyone whom it refuses would write to two journals. */
const REFUSED_MS = 250;
/** What was lent for a call that waits is not given back before the call came again, or time has shown that it will not. */
const AWAITED_MS = 1_000;

type Refusals = Map<string, { readonly atMs: number; readonly answer: ReplenishAnswer }>;

export class Waits {
  /** By the window's name, with what the lender said. */
  readonly #refused: Refusals = new Map();
  readonly #refusedEarly: Refusals = new Map();
  readonly #lent = new Map<string, { readonly scope: string; readonly atMs: number }>();

  /** A call was refused a loan; or nobody waited, and then only others for whom nobody waits go by it. */
  noteRefused(of: LeasedWindow, answer: ReplenishAnswer, isEarly: boolean, atMs: number): void {
    const refused = isEarly ? this.#refusedEarly : this.#refused;
    dropOld(refused, atMs - REFUSED_MS);
    refused.set(nameOf(of), { atMs, answer });
  }

  /** Whether there is no use in asking for what nobody waits for. */
  isShort(of: LeasedWindow, nowMs: number): boolean {
    const early = this.#refusedEarly.get(nameOf(of));
    return (
      this.refusedIn(of, nowMs) !== null || (early !== undefined && nowMs < early.atMs + REFUSED_MS)
    );
  }

  refusedIn(of: LeasedWindow, nowMs: number): ReplenishAnswer | null {
    const refused = this.#refused.get(nameOf(of));
    return refused !== undefined && nowMs < refused.atMs + REFUSED_MS ? refused.answer : null;
  }

  /** Something was lent for a call, which will hold again in a moment. */
  noteLent(of: LeasedWindow, atMs: number): void {
    dropOld(this.#lent, atMs - AWAITED_MS);
    this.#lent.set(nameOf(of), { scope: of.scope, atMs });
  }

  /** A call has held. */
  came({ scopes }: Path): void {
    for (const [name, { scope }] of this.#lent)
      if (scopes.some((of) => of.scope === scope)) this.#lent.delete(name);
  }

  isAwaited(of: LeasedWindow, nowMs: number): boolean {
    const lent = this.#lent.get(nameOf(of));
    return lent !== undefined && nowMs < lent.atMs + AWAITED_MS;
  }
}

/** Windows are few, and what is old says nothing. */
function dropOld(noted: Map<string, { readonly atMs: number }>, beforeMs: number): void {
  for (const [name, { atMs }] of noted) if (atMs <= beforeMs) noted.delete(name);
}

function nameOf({ scope, window, key }: LeasedWindow): string {
  return bucketName(scope, window, key);
}
