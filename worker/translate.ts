// The one place where a failure becomes an HTTP answer: what a stranger may know, and what they can do about it.
import type { Fault } from "../policies/parse.ts";
import type { Failure } from "./failure.ts";
import { retryAdvice, WENT_WRONG, type PublicFailure } from "./public-failure.ts";
import { translateBudget } from "./translate-budget.ts";

export function translate(failure: Failure): PublicFailure {
  switch (failure.kind) {
    case "malformed-json":
      return badRequest(
        null,
        "invalid_json",
        `The body is not JSON: ${failure.detail}${failure.position === null ? "" : ` (at character ${failure.position})`}.`,
      );
    case "invalid-field":
      return badRequest(
        clip(failure.field),
        "invalid_value",
        `\`${clip(failure.field)}\` ${failure.problem}.`,
      );
    case "body-too-large":
      return badRequest(
        null,
        "body_too_large",
        `The body is larger than ${failure.bytesMax} bytes; send less.`,
        413,
      );
    case "body-late":
      return badRequest(
        null,
        "request_timeout",
        `The body had not arrived after ${failure.waitedMs} ms; send it faster, or send less.`,
        408,
      );
    case "memory-busy":
      return unavailable(
        "gateway_busy",
        "The gateway is reading as many large requests as it can. Try again.",
        failure.retryAfterMs,
      );
    case "context-exceeded":
      // OpenAI's code, by which agents know that they have to shorten a conversation.
      return badRequest(
        "messages",
        "context_length_exceeded",
        `The input comes to at least ${failure.tokensMin} tokens, and the model reads ${failure.contextTokens}. Shorten the messages.`,
      );
    case "key-missing":
      return unauthenticated(
        "missing_api_key",
        "No API key was sent. Send it as `Authorization: Bearer sk-sluice-...`.",
      );
    case "key-unknown":
      return unauthenticated("invalid_api_key", "This API key is not known, or no longer valid.");
    case "key-scope":
      return {
        status: 403,
        message: `This API key may not be used for this: it lacks the scope \`${failure.scope}\`.`,
        type: "permission_error",
        code: "insufficient_scope",
        param: null,
        headers: {},
      };
    case "model-unknown":
      return badRequest(
        "model",
        "model_not_found",
        `The model \`${clip(failure.model)}\` is not available to this key. Ask \`GET /v1/models\` for those that are, or send \`auto\`.`,
        404,
      );
    case "request-unknown":
      return badRequest(
        "request_id",
        "request_not_found",
        `No request of this tenant is known as \`${clip(failure.requestId)}\`; send an answer's \`x-request-id\`.`,
        404,
      );
    case "faulty":
      return badRequest(
        clip(failure.faults[0]?.path ?? "") || null,
        "invalid_value",
        sayFaults(failure.faults),
      );
    case "relay-token":
      return unauthenticated(
        "invalid_relay_token",
        "This is not the token of the gateway's relays. Send RELAY_TOKEN as `Authorization: Bearer ...`.",
      );
    case "pool-unknown":
      return badRequest(
        "pool",
        "pool_not_found",
        `No upstream \`${clip(failure.pool)}\` with a pool stands in the catalog.`,
        404,
      );
    case "replica-unknown":
      return badRequest(
        "replica",
        "replica_not_found",
        `The pool \`${clip(failure.pool)}\` has no replica \`${clip(failure.replica)}\` in the catalog.`,
        404,
      );
    case "model-unserved":
      return badRequest(
        "model",
        "model_not_served",
        `No model of the pool \`${clip(failure.pool)}\` is called \`${clip(failure.model)}\` at its engines; give the relay the name that the catalog has.`,
        404,
      );
    case "pool-unreachable":
      return unavailable(
        "pool_unreachable",
        "The pool's index could not be reached. Try again.",
        failure.retryAfterMs,
      );
    case "route-unknown":
      return badRequest(
        null,
        "unknown_url",
        `There is no ${failure.method} ${clip(failure.path)} here.`,
        404,
      );
    case "method-not-allowed":
      return {
        ...badRequest(
          null,
          "method_not_allowed",
          `${clip(failure.path)} takes ${failure.allowed}, not ${failure.method}.`,
          405,
        ),
        headers: { allow: failure.allowed },
      };
    case "budget-exceeded":
      return translateBudget(failure);
    case "budget-unavailable":
      return {
        ...serverError(
          503,
          "budget_unavailable",
          "The budget could not be checked, so nothing was sent. Try again.",
        ),
        headers: { ...retryAdvice(1000), "x-should-retry": "true" },
      };
    case "call-mismatch":
      return badRequest(
        null,
        "idempotency_mismatch",
        "This call was made before with other arguments, so nothing was sent. Send the request again.",
        422,
      );
    case "upstream-refused":
      return {
        status: failure.status,
        message: failure.message,
        type: failure.type ?? "invalid_request_error",
        code: failure.code,
        param: failure.param,
        headers: {},
      };
    case "upstream-busy":
      return {
        status: 429,
        message: "The upstream is limiting its rate. Try again later.",
        type: "rate_limit_error",
        code: "upstream_rate_limited",
        param: null,
        headers: retryAdvice(failure.retryAfterMs ?? 1000),
      };
    case "upstream-credentials":
      return serverError(
        502,
        "upstream_credentials",
        "The upstream did not accept the gateway's own credentials. The operator has to mend this.",
      );
    case "upstream-failed":
      return serverError(
        502,
        "upstream_error",
        failure.status === null
          ? `The upstream could not be used: ${failure.detail}.`
          : `The upstream answered ${failure.status}${operatorsPart(failure.status)}.`,
      );
    case "upstream-silent":
      return serverError(
        504,
        "upstream_timeout",
        `The upstream was silent for ${failure.waitedMs} ms.`,
      );
    case "upstream-late":
      return serverError(
        504,
        "upstream_timeout",
        `The upstream had not finished after ${failure.deadlineMs} ms, the longest that a call may last.`,
      );
    case "upstream-cut":
      return serverError(
        502,
        "upstream_cut",
        `The upstream stopped before its answer was complete: ${failure.detail}.`,
      );
    case "upstream-resting":
      return unavailable(
        "upstream_unavailable",
        "The upstream has failed too often and is being left alone for a moment.",
        failure.retryAfterMs,
      );
    case "upstream-full":
      return unavailable(
        "upstream_full",
        "The upstream works at as many requests as it takes, and none ended in time.",
        failure.retryAfterMs,
      );
    case "client-left":
      return {
        status: 499,
        message: "The client left.",
        type: "client_error",
        code: "client_left",
        param: null,
        headers: {},
      };
    case "not-configured":
      return {
        ...serverError(503, "not_configured", `The gateway is not configured: ${failure.what}.`),
        headers: { "x-should-retry": "false" },
      };
    case "internal":
      return serverError(500, "internal_error", WENT_WRONG);
  }
}

function operatorsPart(status: number): string {
  if (status === 402) return ", which is an unpaid bill; the operator has to mend this";
  return status === 404 || status === 405 || status === 410
    ? ", which is a model or an address that is not there; the operator has to mend this"
    : "";
}

function badRequest(
  param: string | null,
  code: string,
  message: string,
  status = 400,
): PublicFailure {
  return { status, message, type: "invalid_request_error", code, param, headers: {} };
}

function unauthenticated(code: string, message: string): PublicFailure {
  return {
    status: 401,
    message,
    type: "authentication_error",
    code,
    param: null,
    headers: { "www-authenticate": "Bearer" },
  };
}

function unavailable(code: string, message: string, waitMs: number): PublicFailure {
  return { ...serverError(503, code, message), headers: retryAdvice(waitMs) };
}

function serverError(status: number, code: string, message: string): PublicFailure {
  return { status, message, type: "server_error", code, param: null, headers: {} };
}

/** Of as many faults as a document has the first are enough to begin with. */
const FAULTS_MAX = 20;

function sayFaults(faults: readonly Fault[]): string {
  const said = faults
    .slice(0, FAULTS_MAX)
    .map(
      ({ path, problem }) => `${path === "" ? "the body" : `\`${clip(path)}\``} ${clip(problem)}`,
    );
  const more = faults.length > FAULTS_MAX ? `; and ${faults.length - FAULTS_MAX} more` : "";
  return `Nothing was taken: ${said.join("; ")}${more}.`;
}

/** What the caller sent is shown back only so far, so that an answer stays an answer. */
const ECHO_CHARS_MAX = 200;

function clip(text: string): string {
  return text.length > ECHO_CHARS_MAX ? `${text.slice(0, ECHO_CHARS_MAX)}...` : text;
}
