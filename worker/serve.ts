// A request's whole life: plan, run, answer, learn. Each step narrows what is possible or ends it.
import type { Rung } from "../policies/choice.ts";
import { answerWhole, pump, type AnswerContext } from "./answer.ts";
import type { Dependencies } from "./dependencies.ts";
import type { Dialect } from "./dialect/dialect.ts";
import { answerHeaders, choiceHeaders, explanation } from "./explain.ts";
import type { Failure } from "./failure.ts";
import { limitHeaders } from "./limit-headers.ts";
import { translate } from "./translate.ts";
import { recordOf, type RecordInput } from "./learn.ts";
import { plan, type Plan } from "./plan.ts";
import { promptOf } from "./prompt.ts";
import { Run } from "./run.ts";
import { decisionOf } from "./signals.ts";
import { Outlet } from "./stream/outlet.ts";
import { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";

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
  const patience = new Patience(request.signal);
  const planned = await deps.span("plan", () => plan(request, dialect, requestId, deps, patience));
  if (planned.kind === "refused") {
    patience.close();
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
      signal: request.signal,
      patience,
    },
    deps,
  );
  if (planned.sensing !== null) run.accounts.push(planned.sensing);
  const conclude: Conclude = (status, rung, failure, headersMs) => {
    if (failure === null) {
      deps.finish(teach(planned, run, startedAtMs, deps));
      deps.finish(lint(planned, run, deps));
    }
    learn({
      tenant: tenant.id,
      key: keyId,
      status,
      failure: failure?.kind ?? null,
      isStream: ask.isStream,
      explained,
      rung,
      accounts: run.accounts,
      headersMs,
    });
  };
  try {
    return await answer(dialect, planned, run, deps, conclude, startedAtMs);
  } catch (error) {
    // A bug becomes a 500 further up; what it had opened must not stay open until it expires.
    run.close();
    patience.close();
    throw error;
  }
}

async function answer(
  dialect: Dialect,
  { admission, explained, remember }: Plan,
  run: Run,
  deps: Dependencies,
  conclude: Conclude,
  startedAtMs: number,
): Promise<Response> {
  const { ask } = admission;
  const { patience } = run.input;
  const [first] = explained.choice.ladder;
  // What the conversation is on is what was chosen for it; a stand-in or a cheaper rung is this turn's affair.
  if (admission.asked.model === null) deps.finish(remember());
  const rungNow = (): Rung => run.answering?.preparation.rung ?? first;
  const headersNow = (): Record<string, string> =>
    run.answering === null
      ? { ...choiceHeaders(explained, first), ...limitHeaders(run.meters) }
      : answerHeaders(explained, run.answering, run.meters);
  const refuse = (failure: Failure): Response => {
    run.close();
    patience.close();
    const response = failureResponse(failure, dialect, headersNow());
    conclude(response.status, rungNow(), failure, deps.now() - startedAtMs);
    return response;
  };
  const contextNow = (close: AnswerContext["close"]): AnswerContext => ({
    dialect,
    head: {
      requestId: explained.requestId,
      model: rungNow().arm.model,
      createdSeconds: Math.floor(deps.now() / 1000),
      wantsUsage: ask.wantsUsage,
    },
    heartbeatMs: explained.policy.heartbeatMs,
    patience,
    budgetEnd: () => run.answering?.account.budgetEnd ?? null,
    explain: () => (admission.wantsExplanation ? explanation(explained, run.accounts) : null),
    close,
  });

  const driving = run.drive();
  if (!ask.isStream) {
    const driven = await driving;
    if (driven.kind === "failed") return refuse(driven.failure);
    const answered = await answerWhole(
      driven,
      contextNow(() => run.close()),
    );
    if (answered.kind !== "answered") return refuse(answered);
    patience.close();
    const headersMs = deps.now() - startedAtMs;
    conclude(200, rungNow(), null, headersMs);
    return new Response(answered.body, { headers: { ...headersNow(), ...JSON_HEADERS } });
  }

  const driven = await patience.wait(driving, explained.policy.gateMs + GATE_SLACK_MS);
  if (driven !== TIMED_OUT && driven.kind === "failed") return refuse(driven.failure);
  const headersMs = deps.now() - startedAtMs;
  const context = contextNow((failure) => {
    run.close();
    conclude(200, rungNow(), failure, headersMs);
  });
  const outlet = new Outlet(patience, Math.max(context.heartbeatMs * 2, PATIENCE_MS_MIN));
  deps.finish(pump(driving, outlet, context));
  return new Response(outlet.readable, { headers: { ...headersNow(), ...STREAM_HEADERS } });
}

/** A client on a busy line may read nothing for a while and still be there. */
const PATIENCE_MS_MIN = 5000;

/** The gate is each call's own; a driver of several is given a little more before headers go without it. */
const GATE_SLACK_MS = 50;

const JSON_HEADERS = { "content-type": "application/json", "x-content-type-options": "nosniff" };
const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Proxies that buffer would undo the stream.
  "x-accel-buffering": "no",
};

/** Tells the tenant's head what became of the request. Never throws, and nothing waits for it. */
async function teach(
  { admission, explained }: Plan,
  { answering: call }: Run,
  startedAtMs: number,
  { lessons, now }: Dependencies,
): Promise<void> {
  if (call === null) return;
  const finished = { admission, explained, call, startedAtMs, endedAtMs: now() };
  const decision = decisionOf(finished);
  if (decision !== null) await lessons.tell(admission.tenant.id, explained.policy.name, decision);
}

/** Looks at how the prompt is laid out, for the tenant to know. Never throws, and nothing waits for it. */
async function lint(
  { admission }: Plan,
  { input, answering }: Run,
  deps: Dependencies,
): Promise<void> {
  if (answering === null) return;
  const { model } = answering.preparation;
  const prompt = promptOf(admission.ask, admission.tenant.id);
  const { requestId } = input;
  await deps.linter.look({ prompt, modelId: model.id, requestId }, admission.catalog);
}

type Conclude = (status: number, rung: Rung, failure: Failure | null, headersMs: number) => void;
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
