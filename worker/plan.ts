// From a request to a plan: admit, assign, probe, choose. `POST /v1/choose` ends here; `serve` goes on. It calls nobody but,
// where the policy reads difficulty from hidden states and the plan is for a real answer, a pooling replica.
import type { Features } from "../classifiers/features.ts";
import type { Capability } from "../policies/catalog.ts";
import type { Cached, ChoiceFailure, Question, Rung } from "../policies/choice.ts";
import { choose } from "../policies/choose.ts";
import { MODES, type Arm } from "../policies/mode.ts";
import { headInput } from "../policies/head/inputs.ts";
import type { Policy } from "../policies/policy.ts";
import { chooseThriftily } from "../policies/thrift.ts";
import { admit, authenticate, sha256Hex, type Admission } from "./admit.ts";
import { assign } from "./assign.ts";
import type { Remembered } from "./conversations.ts";
import { pricedPath } from "./budget-prices.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Ask, Dialect } from "./dialect/dialect.ts";
import type { Explained } from "./explain.ts";
import { notConfigured, type Failure } from "./failure.ts";
import type { Advised } from "./head-snapshots.ts";
import type { CallAccount } from "./open-call.ts";
import { promptOf } from "./prompt.ts";
import { leaveUnread, readHiddenState } from "./read-hidden-state.ts";
import type { Patience } from "./stream/patience.ts";

/** Bytes a token for weighing arms, where an even guess serves better than a bound. */
const BYTES_PER_TOKEN = 4;

export interface Plan {
  readonly kind: "planned";
  readonly admission: Admission;
  readonly explained: Explained;
  /** What the conversation ran on before; null when it is new, or nothing is remembered. */
  readonly previous: Arm | null;
  /** Of the call that read the question's hidden state; null where none was held. */
  readonly sensing: CallAccount | null;
  /** Tells the conversation what was chosen for it, if that is news. */
  readonly remember: () => Promise<void>;
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
  patience: Patience,
  isPreview = false,
): Promise<Plan | Unplanned> {
  const caller = await authenticate(request, deps.configuration, deps.now());
  if (caller.kind === "refused") return { ...caller, tenantId: null };
  const admission = await admit(request, dialect, caller, deps.configuration, patience);
  if (admission.kind === "refused") return { ...admission, tenantId: caller.tenant.id };
  const { ask, tenant, catalog } = admission;
  const { policy, variant } = assign(admission.policy);
  const features = deps.probe(ask.query);
  const remembered = await recall(admission, deps);
  const inputTokens = Math.ceil(ask.inputBytes / BYTES_PER_TOKEN);
  const fresh: Question = {
    features,
    policy,
    catalog,
    modelsAllowed: tenant.models ?? null,
    asked: { ...admission.asked, effort: ask.effort },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    inputTokens,
    needs: needsOf(ask),
    lambda: policy.lambda,
    advice: null,
    // A first turn that chance decided is written down, so what is derived again never needs it.
    chance: null,
  };
  const previous = remembered?.arm ?? deriveEarlier(ask, fresh, deps);
  const advised = await advisedBy(admission, policy, features, deps);
  const asking = { requestId, admission, policy, variant, features, patience };
  const sensed = isPreview ? leaveUnread(policy) : await readHiddenState(asking, deps);
  const cached = expectCached(admission, policy, deps);
  const question: Question = {
    ...fresh,
    ...(sensed === null ? {} : { hiddenState: sensed.hiddenState }),
    ...(cached === null ? {} : { cached }),
    conversation: { previous, isToolResult: ask.isToolResult, prefixTokens: inputTokens },
    advice: advised?.advice ?? null,
  };
  const chosen = chooseThriftily(
    { ...question, chance: policy.exploreShare > 0 ? deps.chance() : null },
    {
      lambda: deps.prices.of(pricedPath(admission.ledger, admission.scopes)),
      isStrict: admission.isStrict,
    },
    remembered?.undegraded,
  );
  if (chosen.kind !== "chosen") {
    return { kind: "refused", failure: choiceFailure(chosen), tenantId: tenant.id };
  }
  const { choice, thrift } = chosen;
  const adviceAgeMs = advised?.ageMs ?? null;
  const prompts =
    admission.wantsExplanation || isPreview
      ? deps.linter.explain(promptOf(ask, tenant.id), requestId, catalog, policy)
      : null;
  const explained = {
    requestId,
    policy,
    variant,
    features,
    choice,
    thrift,
    adviceAgeMs,
    cached,
    prompts,
  };
  const remember = async (): Promise<void> => {
    const [first] = choice.ladder;
    // What the budget's price changed is known to nobody later.
    const undegraded = isSame(thrift.undegraded, first.arm) ? null : thrift.undegraded;
    const isKnown =
      remembered !== null &&
      isSame(remembered.arm, first.arm) &&
      (undegraded === null
        ? remembered.undegraded === null
        : isSame(remembered.undegraded, undegraded));
    const isOwn =
      isDerivable(admission, first) && undegraded === null && isUntaught(question, first.arm);
    if (isOwn || isKnown) return;
    await deps.conversations.remember(tenant.id, await sha256Hex(admission.session.name), {
      arm: first.arm,
      undegraded,
    });
  };
  const sensing = sensed?.account ?? null;
  return { kind: "planned", admission, explained, previous, sensing, remember };
}

/** What the tenant's own traffic taught; null where nothing did, or nothing shall, or the caller leaves nothing to choose. */
async function advisedBy(
  { tenant, asked }: Admission,
  policy: Policy,
  features: Features,
  deps: Dependencies,
): Promise<Advised | null> {
  if (policy.learning === "off" || asked.model !== null) return null;
  return deps.heads.advise(
    tenant.id,
    policy.name,
    () => headInput(features),
    (work) => deps.finish(work),
  );
}

/** What providers' caches may have of the prompt, by model; null where the catalog declares none that could be asked. */
function expectCached(
  { ask, asked, tenant, catalog }: Admission,
  policy: Policy,
  deps: Dependencies,
): ReadonlyMap<string, Cached> | null {
  const { fallback, modes } = policy;
  const bound = [...MODES.flatMap((mode) => modes[mode] ?? []), ...fallback];
  const models = (asked.model === null ? bound : [asked.model]).filter(
    (id) => tenant.models === undefined || tenant.models.includes(id),
  );
  return deps.providerCaches.expect(models, catalog, () => promptOf(ask, tenant.id));
}

/**
 * Whether the arm is also what text and priors alone would choose: what was learned, read or cached is not there at the next
 * turn.
 */
function isUntaught(question: Question, arm: Arm): boolean {
  const { hiddenState, cached, ...rest } = question;
  const isTaught = question.advice !== null || hiddenState?.kind === "read" || cached !== undefined;
  if (!isTaught) return true;
  const untaught = choose({ ...rest, advice: null });
  return untaught.kind === "chosen" && isSame(untaught.choice.ladder[0].arm, arm);
}

function needsOf({ hasTools, isConstrained }: Ask): Capability[] {
  return [
    ...(hasTools ? ["tools" as const] : []),
    ...(isConstrained ? ["json-schema" as const] : []),
  ];
}

/** What the conversation's object says. A first turn that names no session has nothing to recall. */
async function recall(
  { tenant, session, ask }: Admission,
  deps: Dependencies,
): Promise<Remembered | null> {
  if (!ask.hasHistory && !session.isNamed) return null;
  return deps.conversations.recall(tenant.id, await sha256Hex(session.name));
}

/**
 * Most first turns are never followed by a second, so what a first turn ran on is not written down when it can be
 * found again: by choosing for it once more. What nobody could derive (an asked mode, an effort, tools) is kept.
 */
function isDerivable({ session, ask, asked }: Admission, { reason }: Rung): boolean {
  // A bound may also have changed the model of what was asked for.
  const isAsked = asked.mode !== null || ask.effort !== null;
  const isOwnChoice =
    ["utility", "low-confidence", "hard"].includes(reason.word) ||
    (["floor", "ceiling"].includes(reason.word) && !isAsked);
  return !ask.hasHistory && !session.isNamed && !ask.hasTools && isOwnChoice;
}

/** The arm that the earlier turn of an unremembered conversation was given; wrong at worst about a cache. */
function deriveEarlier(ask: Ask, fresh: Question, deps: Dependencies): Arm | null {
  if (!ask.hasHistory || ask.earlierQuery === null) return null;
  const chosen = choose({
    ...fresh,
    features: deps.probe(ask.earlierQuery),
    asked: { mode: null, model: null, effort: null },
  });
  return chosen.kind === "chosen" ? chosen.choice.ladder[0].arm : null;
}

function isSame(left: Arm | null, right: Arm): boolean {
  return left?.model === right.model && left.mode === right.mode;
}

function choiceFailure(failure: ChoiceFailure): Failure {
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
      return notConfigured(`the policy "${failure.policy}" leaves no model for this tenant`);
  }
}
