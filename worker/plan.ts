// From a request to a plan, without a call: admit, assign, probe, choose. `POST /v1/choose` ends here; `serve` goes on.
import { classify } from "../classifiers/classify.ts";
import { choose } from "../policies/choose.ts";
import type { Arm } from "../policies/mode.ts";
import { admit, authenticate, sha256Hex, type Admission } from "./admit.ts";
import { assign } from "./assign.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Dialect } from "./dialect/dialect.ts";
import type { Explained } from "./explain.ts";
import type { Failure } from "./failure.ts";

/** Bytes a token for weighing arms, where an even guess serves better than a bound. */
const BYTES_PER_TOKEN = 4;

export interface Plan {
  readonly kind: "planned";
  readonly admission: Admission;
  readonly explained: Explained;
  /** What the conversation ran on before; null when it is new, or nothing is remembered. */
  readonly previous: Arm | null;
  /** Tells the conversation what it ran on now, if that is news. */
  remember(arm: Arm): Promise<void>;
}

export interface Unplanned {
  readonly kind: "refused";
  readonly failure: Failure;
  /** Whose request it was, as far as that is known. */
  readonly tenantId: string | null;
}

export async function plan(
  request: Request,
  dialect: Dialect,
  requestId: string,
  deps: Dependencies,
): Promise<Plan | Unplanned> {
  const caller = await authenticate(request, deps.configuration, deps.now());
  if (caller.kind === "refused") return { ...caller, tenantId: null };
  const admission = await admit(request, dialect, caller, deps.configuration);
  if (admission.kind === "refused") return { ...admission, tenantId: caller.tenant.id };
  const { ask, tenant, catalog } = admission;
  const { policy, variant } = assign(admission.policy);
  const features = classify(ask.query);
  const { previous, remember } = await recall(admission, deps);
  const inputTokens = Math.ceil(ask.inputBytes / BYTES_PER_TOKEN);
  const chosen = choose({
    features,
    policy,
    catalog,
    modelsAllowed: tenant.models ?? null,
    asked: { ...admission.asked, effort: ask.effort },
    conversation: { previous, isToolResult: ask.isToolResult, prefixTokens: inputTokens },
    inputTokens,
    lambda: policy.lambda,
  });
  if (chosen.kind !== "chosen") {
    return { kind: "refused", failure: choiceFailure(chosen), tenantId: tenant.id };
  }
  const explained = { requestId, policy, variant, features, choice: chosen.choice };
  return { kind: "planned", admission, explained, previous, remember };
}

/** The conversation's memory. A first turn that names no session has nothing to recall. */
async function recall(
  { tenant, session, ask }: Admission,
  deps: Dependencies,
): Promise<Pick<Plan, "previous" | "remember">> {
  const sessionHash = await sha256Hex(session.name);
  const isLater = ask.hasHistory || session.isNamed;
  const previous = isLater ? await deps.conversations.recall(tenant.id, sessionHash) : null;
  return {
    previous,
    remember: async (arm) => {
      if (previous?.model === arm.model && previous.mode === arm.mode) return;
      await deps.conversations.remember(tenant.id, sessionHash, arm);
    },
  };
}

function choiceFailure(failure: Exclude<ReturnType<typeof choose>, { kind: "chosen" }>): Failure {
  switch (failure.kind) {
    case "model-unknown":
      return { kind: "model-unknown", model: failure.model };
    case "mode-unbound":
      return {
        kind: "invalid-field",
        field: "model",
        problem: `asks for the mode \`${failure.mode}\`, which this policy does not offer; it offers ${failure.bound.join(", ") || "none"}`,
      };
    case "no-arm":
      return {
        kind: "not-configured",
        what: `the policy "${failure.policy}" leaves no model for this tenant`,
      };
  }
}
