// A request's whole life: admit, assign, probe, choose, run, answer. Each step narrows what is possible or ends it.
import { classify } from "../classifiers/classify.ts";
import { choose } from "../policies/choose.ts";
import { isMode } from "../policies/mode.ts";
import { admit, sha256Hex, type Admission } from "./admit.ts";
import { answerStream, answerWhole, type AnswerContext } from "./answer.ts";
import { assign } from "./assign.ts";
import type { Dependencies } from "./dependencies.ts";
import type { AnswerHead, Dialect } from "./dialect/dialect.ts";
import {
  answerHeaders,
  choiceHeaders,
  explanation,
  limitHeaders,
  type Explained,
} from "./explain.ts";
import { translate, type Failure } from "./failure.ts";
import { Run } from "./run.ts";

export async function serve(
  request: Request,
  dialect: Dialect,
  deps: Dependencies,
): Promise<Response> {
  const requestId = deps.newId();
  const refuse = (failure: Failure, headers: Record<string, string> = {}): Response =>
    failureResponse(failure, dialect, { "x-request-id": requestId, ...headers });

  const admission = await admit(request, dialect, deps.configuration, deps.now());
  if (admission.kind === "refused") return refuse(admission.failure);
  const { ask, tenant, catalog } = admission;
  const { policy, variant } = assign(admission.policy);

  const features = classify(ask.query);
  const conversation = await recall(admission, deps);
  const chosen = choose({
    features,
    policy,
    catalog,
    modelsAllowed: tenant.models ?? null,
    asked: { ...admission.asked, effort: ask.effort },
    conversation: {
      previous: conversation.previous,
      isToolResult: ask.isToolResult,
      prefixTokens: Math.ceil(ask.inputBytes / 4),
    },
    inputTokens: Math.ceil(ask.inputBytes / 4),
    lambda: policy.lambda,
  });
  if (chosen.kind !== "chosen") return refuse(choiceFailure(chosen));
  const { choice } = chosen;
  const explained: Explained = { requestId, policy, variant, features, choice };

  const { signal } = request;
  const run = new Run(
    {
      requestId,
      admission,
      policy,
      variant,
      ladder: choice.ladder,
      previous: conversation.previous,
      cacheSalt: await saltOf(tenant.id),
      signal,
    },
    deps,
  );
  const driven = await run.drive();
  if (driven.kind === "failed") {
    run.close();
    return refuse(driven.failure, {
      ...choiceHeaders(explained, choice.ladder[0]),
      ...limitHeaders(run.meters),
    });
  }
  const call = driven.kind === "relay" ? driven.call : driven.calls[0];
  if (call === undefined) throw new Error("A strategy answered without a call.");
  const rung = call.preparation.rung;
  if (admission.asked.model === null) deps.finish(conversation.remember(rung.arm));

  const head: AnswerHead = {
    requestId: `chatcmpl-${requestId}`,
    model: call.preparation.model.id,
    createdSeconds: Math.floor(deps.now() / 1000),
    wantsUsage: ask.wantsUsage,
  };
  const context: AnswerContext = {
    dialect,
    head,
    isStream: ask.isStream,
    headers: answerHeaders(explained, call, run.meters),
    heartbeatMs: policy.heartbeatMs,
    signal,
    explain: () => (admission.wantsExplanation ? explanation(explained, run.accounts) : null),
    close: () => run.close(),
    finish: (work) => deps.finish(work),
  };
  const source = driven.kind === "relay" ? driven.call : driven.deltas;
  if (ask.isStream) return answerStream(source, context);
  const answered = await answerWhole(source, context);
  if (answered instanceof Response) return answered;
  run.close();
  return refuse(answered, { ...choiceHeaders(explained, rung), ...limitHeaders(run.meters) });
}

export function failureResponse(
  failure: Failure,
  dialect: Dialect,
  headers: Record<string, string>,
): Response {
  const shown = translate(failure);
  return new Response(dialect.fail.body(shown, headers["x-request-id"] ?? ""), {
    status: shown.status,
    headers: { ...headers, ...shown.headers, "content-type": "application/json" },
  });
}

/** What the conversation ran on, and how to tell its next turn. A first turn that names no session has nothing to recall. */
async function recall(admission: Admission, deps: Dependencies) {
  const { tenant, session, ask } = admission;
  const sessionHash = await sha256Hex(session.name);
  const isLater = ask.hasHistory || session.isNamed;
  const previous = isLater ? await deps.conversations.recall(tenant.id, sessionHash) : null;
  return {
    previous,
    remember: async (arm: { model: string; mode: string | null }): Promise<void> => {
      if (arm.mode !== null && !isMode(arm.mode)) return;
      if (previous?.model === arm.model && previous.mode === arm.mode) return;
      await deps.conversations.remember(tenant.id, sessionHash, {
        model: arm.model,
        mode: arm.mode,
      });
    },
  };
}

/**
 * Keeps one tenant's cached prefixes from another's at engines that share a cache. The client never sees it and its
 * own value is stripped, so a plain hash of the tenant keeps them apart.
 */
async function saltOf(tenantId: string): Promise<string> {
  return (await sha256Hex(`cache salt of ${tenantId}`)).slice(0, 32);
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
