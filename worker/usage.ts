// What a tenant has used: its limits beside what the ledger says was spent, is held, and went over.
import type { Standing } from "../durable/ledger.ts";
import { windowEndMs } from "../policies/calendar.ts";
import type { Tenant } from "../policies/tenant.ts";
import { authenticate } from "./admit.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Failure } from "./failure.ts";

/** For the tenant itself, by its own key. */
export async function readUsage(
  request: Request,
  deps: Dependencies,
): Promise<{ readonly kind: "read"; readonly body: object } | Failure> {
  const caller = await authenticate(request, deps.configuration, deps.now(), "usage");
  if (caller.kind === "refused") return caller.failure;
  try {
    const standing = await deps.ledgerOf(caller.tenant.id).usage();
    return { kind: "read", body: usageBody(caller.tenant, standing) };
  } catch (error) {
    console.error(JSON.stringify({ event: "ledger-unreachable", problem: String(error) }));
    return { kind: "budget-unavailable" };
  }
}

/** One window of one dimension, as clients and operators read it. Dimension `nanos` is nano-dollars. */
export function usageBody(tenant: Tenant, standing: Standing): object {
  return {
    object: "usage",
    tenant: tenant.id,
    at: new Date(standing.atMs).toISOString(),
    open_holds: standing.openHolds,
    windows: standing.balances.map(({ window, key, dimension, spent, held, over }) => {
      const limit =
        tenant.limits.find((entry) => entry.window === window && entry.dimension === dimension)
          ?.limit ?? null;
      return {
        window,
        key,
        dimension,
        spent,
        held,
        over,
        limit,
        remaining: limit === null ? null : Math.max(0, limit - spent - held),
        resets_at: new Date(windowEndMs(window, standing.atMs)).toISOString(),
      };
    }),
  };
}
