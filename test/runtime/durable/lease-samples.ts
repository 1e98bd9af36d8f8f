// What tests of leases share: a caller that borrows as the worker does, and time that goes by until ledgers rest.
import { runDurableObjectAlarm } from "cloudflare:test";
import type { Ledger } from "../../../durable/ledger.ts";
import type { HoldAnswer, HoldRequest, ScopeLimits } from "../../../policies/account.ts";
import { NOTHING, type Amounts } from "../../../policies/ledger/amounts.ts";
import type { Limit } from "../../../policies/ledger/limit.ts";
import { type Clock } from "./a-clock.ts";
import { offer } from "./ledger-samples.ts";

export type Stub = DurableObjectStub<Ledger>;

/** A request waits for a loan this often before it is refused. */
const ROUNDS_MAX = 2;

/** As the worker holds: where more may be lent, it asks, and then again. */
export async function holdWithLoans(ledger: Stub, request: HoldRequest): Promise<HoldAnswer> {
  for (let round = 0; ; round++) {
    const answer = await ledger.hold(request);
    if (answer.kind !== "refused" || answer.reason !== "unlent" || round === ROUNDS_MAX)
      return answer;
    if ((await ledger.replenish(request)).kind !== "lent") return answer;
  }
}

/** Each call takes 500 tokens, no more and no less. */
export const WHOLE = [offer({ outputTokensMin: 400 })];
export const CALL_TOKENS = 500;

export function orgScope(id: string, limits: readonly Limit[]): ScopeLimits {
  return { scope: `org:${id}`, limits, lender: `org:${id}` };
}

export async function alarms(ledgers: readonly Stub[]): Promise<void> {
  for (const ledger of ledgers) await runDurableObjectAlarm(ledger);
}

/** Time goes by until what rests has gone back. */
export async function rest(ledgers: readonly Stub[], clock: Clock): Promise<void> {
  for (let look = 0; look < 4; look++) {
    clock.advance(10_000);
    await alarms(ledgers);
  }
}

export async function lentOf(ledger: Stub, scope: string): Promise<Amounts> {
  const { buckets } = await ledger.usage("UTC", [scope]);
  return buckets.find(({ window }) => window === "day")?.lent ?? NOTHING;
}
