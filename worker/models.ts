// The models that a key may name, in OpenAI's shape: Sluice's own names first, then the catalog's.
import { MODES } from "../policies/mode.ts";
import { authenticate, modelsOf } from "./admit.ts";
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
  const ids = ["auto", ...MODES.map((mode) => `auto:${mode}`), ...modelsOf(caller)];
  if (id === null) return { kind: "found", body: { object: "list", data: ids.map(describe) } };
  return ids.includes(id)
    ? { kind: "found", body: describe(id) }
    : { kind: "model-unknown", model: id };
}

function describe(id: string): object {
  return { id, object: "model", created: 0, owned_by: "sluice" };
}
