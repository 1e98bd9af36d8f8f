// What a tenant has used, for the tenant itself by one of its keys: the whole tenant's numbers and that key's, never those
// of another key or of a user.
import type { ScopeLimits } from "../policies/account.ts";
import { authenticate } from "./admit.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Failure } from "./failure.ts";
import { usageBody } from "./usage-body.ts";

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
  try {
    const standing = await deps.ledgerOf(tenant.id).usage(
      tenant.zone,
      scopes.map(({ scope }) => scope),
    );
    const buckets = standing.buckets.filter(
      ({ scope, window }) => scope !== "tenant" || window !== "session",
    );
    const shown = { tenantId: tenant.id, zone: tenant.zone, scopes };
    return { kind: "read", body: usageBody({ ...shown, standing: { ...standing, buckets } }) };
  } catch (error) {
    console.error(JSON.stringify({ event: "ledger-unreachable", problem: String(error) }));
    return { kind: "budget-unavailable" };
  }
}
