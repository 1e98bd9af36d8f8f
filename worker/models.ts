// The models that a key may name, in OpenAI's shape: Sluice's own names first, with the modes that the policy offers, then
// those of the catalog that may be named by themselves.
import { allowsArm } from "../policies/policy.ts";
import { modesOf } from "../policies/rank-arms.ts";
import { authenticate, modelsOf, pickPolicy } from "./admit.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Failure } from "./failure.ts";

/** Those that the caller may use; a single one when `id` names it. */
export async function readModels(
  request: Request,
  id: string | null,
  deps: Dependencies,
): Promise<{ readonly kind: "found"; readonly body: object } | Failure> {
  const caller = await authenticate(request, deps.configuration, deps.now());
  if (caller.kind === "refused") return caller.failure;
  const { tenant, catalog } = caller;
  const policy = await pickPolicy(request, tenant, deps.configuration);
  if ("failure" in policy) return policy.failure;
  const modes = modesOf({ policy, catalog, modelsAllowed: tenant.models ?? null });
  const named = modelsOf(caller).filter((model) => allowsArm(policy, { model, mode: null }));
  const ids = ["auto", ...modes.map((mode) => `auto:${mode}`), ...named];
  if (id === null) return { kind: "found", body: { object: "list", data: ids.map(describe) } };
  return ids.includes(id)
    ? { kind: "found", body: describe(id) }
    : { kind: "model-unknown", model: id };
}

function describe(id: string): object {
  return { id, object: "model", created: 0, owned_by: "sluice" };
}
