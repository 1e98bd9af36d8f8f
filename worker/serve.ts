// A request's whole life: plan, run, answer, learn. Each step narrows what is possible or ends it.
import type { Rung } from "../policies/choice.ts";
import { sha256Hex } from "./admit.ts";
import { answerStream, answerWhole, type AnswerContext } from "./answer.ts";
import type { Dependencies } from "./dependencies.ts";
import type { AnswerHead, Dialect } from "./dialect/dialect.ts";
import { answerHeaders, choiceHeaders, explanation, limitHeaders } from "./explain.ts";
import { translate, type Failure } from "./failure.ts";
import { recordOf, type RecordInput } from "./learn.ts";
import { plan, type Plan } from "./plan.ts";
import { Run } from "./run.ts";

export async function serve(
  request: Request,
  dialect: Dialect,
  deps: Dependencies,
): Promise<Response> {
  const requestId = deps.newId();
  const startedAtMs = deps.now();
  const learn = onceOnly((seen: Seen) => {
    const totalMs = deps.now() - startedAtMs;
    deps.record(recordOf({ requestId, dialect: dialect.name, totalMs, ...seen }));
  });
  const planned = await plan(request, dialect, requestId, deps);
  if (planned.kind === "refused") {
    const { failure, tenantId } = planned;
    const response = failureResponse(failure, dialect, { "x-request-id": requestId });
    learn({
      ...NOTHING_SEEN,
      tenant: tenantId,
      status: response.status,
      failure: failure.kind,
      headersMs: deps.now() - startedAtMs,
    });
    return response;
  }

  const { admission, explained, previous } = planned;
  const { tenant, keyId, ask } = admission;
  const run = new Run(
    {
      requestId,
      admission,
      policy: explained.policy,
      variant: explained.variant,
      ladder: explained.choice.ladder,
      previous,
      cacheSalt: await saltOf(tenant.id),
      signal: request.signal,
    },
    deps,
  );
  const conclude: Conclude = (response, rung, failure, headersMs) =>
    learn({
      tenant: tenant.id,
      key: keyId,
      status: response.status,
      failure: failure?.kind ?? null,
      isStream: ask.isStream,
      explained,
      rung,
      accounts: run.accounts,
      headersMs,
    });
  try {
    return await answer(request, dialect, planned, run, deps, conclude, startedAtMs);
  } catch (error) {
    // A bug becomes a 500 further up; what it had opened must not stay open until it expires.
    run.close();
    throw error;
  }
}

async function answer(
  request: Request,
  dialect: Dialect,
  { admission, explained, remember }: Plan,
  run: Run,
  deps: Dependencies,
  conclude: Conclude,
  startedAtMs: number,
): Promise<Response> {
  const { ask } = admission;
  const refuse = (failure: Failure, rung: Rung): Response => {
    run.close();
    const headers = { ...choiceHeaders(explained, rung), ...limitHeaders(run.meters) };
    const response = failureResponse(failure, dialect, headers);
    conclude(response, rung, failure, deps.now() - startedAtMs);
    return response;
  };

  const driven = await run.drive();
  if (driven.kind === "failed") return refuse(driven.failure, explained.choice.ladder[0]);
  const call = driven.kind === "relay" ? driven.call : driven.calls[0];
  if (call === undefined) throw new Error("A strategy answered without a call.");
  const { rung, model } = call.preparation;
  if (admission.asked.model === null) deps.finish(remember(rung.arm));

  const head: AnswerHead = {
    requestId: `chatcmpl-${explained.requestId}`,
    model: model.id,
    createdSeconds: Math.floor(deps.now() / 1000),
    wantsUsage: ask.wantsUsage,
  };
  // A stream ends after its headers went, a whole answer before them; whichever is later concludes.
  let headersMs: number | null = null;
  let response: Response | null = null;
  const context: AnswerContext = {
    dialect,
    head,
    isStream: ask.isStream,
    headers: answerHeaders(explained, call, run.meters),
    heartbeatMs: explained.policy.heartbeatMs,
    signal: request.signal,
    explain: () => (admission.wantsExplanation ? explanation(explained, run.accounts) : null),
    close: (failure) => {
      run.close();
      if (response !== null) conclude(response, rung, failure, headersMs ?? 0);
    },
    finish: (work) => deps.finish(work),
  };
  const source = driven.kind === "relay" ? driven.call : driven.deltas;
  const answered = ask.isStream
    ? answerStream(source, context)
    : await answerWhole(source, context);
  if (!(answered instanceof Response)) return refuse(answered, rung);
  headersMs = deps.now() - startedAtMs;
  response = answered;
  if (!ask.isStream) conclude(answered, rung, null, headersMs);
  return answered;
}

type Conclude = (
  response: Response,
  rung: Rung,
  failure: Failure | null,
  headersMs: number,
) => void;
type Seen = Omit<RecordInput, "requestId" | "dialect" | "totalMs">;

const NOTHING_SEEN = {
  tenant: null,
  key: null,
  isStream: false,
  explained: null,
  rung: null,
  accounts: [],
} satisfies Partial<Seen>;

function onceOnly<T>(act: (value: T) => void): (value: T) => void {
  let isDone = false;
  return (value) => {
    if (isDone) return;
    isDone = true;
    act(value);
  };
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

/**
 * Keeps one tenant's cached prefixes from another's at engines that share a cache. The client never sees it and its
 * own value is stripped, so a plain hash of the tenant keeps them apart.
 */
async function saltOf(tenantId: string): Promise<string> {
  return (await sha256Hex(`cache salt of ${tenantId}`)).slice(0, 32);
}
