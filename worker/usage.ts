// What a tenant has used, for the tenant itself by one of its keys: the whole tenant's numbers and that key's, never those
// of another key or of a user.
import type { ScopeLimits } from "../policies/account.ts";
import { authenticate } from "./admit.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Failure } from "./failure.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";
import { usageBody } from "./usage-body.ts";
import { readWhole } from "./whole-usage.ts";

/** A ledger answers within milliseconds or is in trouble, and one that is must not hide what the others know. */
const LEDGER_MS_MAX = 2_000;

export async function readUsage(
  request: Request,
  deps: Dependencies,
): Promise<{ readonly kind: "read"; readonly body: object } | Failure> {
  const caller = await authenticate(request, deps.configuration, deps.now(), "usage");
  if (caller.kind === "refused") return caller.failure;
  const { tenant, keyId, keyLimits } = caller;
  const scopes: readonly ScopeLimits[] = [
    // A conversation of the tenant may be another key's.
    { scope: "tenant", limits: tenant.limits.filter(({ window }) => window !== "session") },
    { scope: `key:${keyId}`, limits: keyLimits },
  ];
  const names = await deps.ledgers.namesOf(tenant);
  const asked = scopes.map(({ scope }) => scope);
  try {
    const usage = await readWhole(names, tenant.zone, async (name) => {
      const standing = await within(deps.ledgerOf(name).usage(tenant.zone, asked), LEDGER_MS_MAX);
      if (standing === TIMED_OUT) throw new Error(`no answer within ${LEDGER_MS_MAX} ms`);
      return standing;
    });
    const buckets = usage.whole.buckets.filter(
      ({ scope, window }) => scope !== "tenant" || window !== "session",
    );
    const { id, zone, shards } = tenant;
    const whole = { ...usage.whole, buckets };
    return {
      kind: "read",
      body: usageBody({ ...usage, whole, of: { tenant: id }, zone, shards, scopes }),
    };
  } catch {
    // Each ledger's trouble stands in the log already.
    return { kind: "budget-unavailable" };
  }
}
