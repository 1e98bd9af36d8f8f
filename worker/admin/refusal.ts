// Everything that the control plane refuses, and the one place where that becomes an HTTP answer. Errors have OpenAI's
// shape, as the rest of the gateway's have, with every fault and the standing version beside it.
import type { Fault } from "../../policies/parse.ts";
import { WENT_WRONG } from "../public-failure.ts";

export type Refusal =
  | { readonly kind: "off"; readonly problem: string }
  | { readonly kind: "secret-missing" }
  | { readonly kind: "secret-wrong" }
  | { readonly kind: "too-many"; readonly what: keyof typeof WINDOW_SECONDS }
  | { readonly kind: "route-unknown"; readonly method: string; readonly path: string }
  | {
      readonly kind: "method-not-allowed";
      readonly method: string;
      readonly path: string;
      readonly allowed: string;
    }
  | { readonly kind: "malformed-json"; readonly position: number; readonly problem: string }
  | { readonly kind: "body-too-large"; readonly bytesMax: number }
  /** A query parameter or a header. */
  | { readonly kind: "invalid"; readonly parameter: string; readonly problem: string }
  | { readonly kind: "condition-missing"; readonly advice: string }
  | { readonly kind: "missing"; readonly what: string; readonly id: string }
  /** `version` 0: there is none now. */
  | { readonly kind: "stale"; readonly what: string; readonly version: number }
  | { readonly kind: "stale-revision"; readonly revision: number }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] }
  | { readonly kind: "unreachable"; readonly what: string }
  | { readonly kind: "internal" };

interface PublicRefusal {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param?: string;
  /** Beside OpenAI's four fields. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The limiters' windows (wrangler.toml): a binding does not tell when its own ends. */
export const WINDOW_SECONDS = { "failed logins": 60, writes: 10 } as const;
/** What the caller sent is shown back only so far. */
const ECHO_CHARS_MAX = 200;

export function refuse(refusal: Refusal, requestId: string): Response {
  const { status, type, code, message, param = null, more, headers } = translate(refusal);
  return Response.json(
    { error: { message, type, param, code, ...more } },
    { status, headers: { "cache-control": "no-store", "x-request-id": requestId, ...headers } },
  );
}

function translate(refusal: Refusal): PublicRefusal {
  switch (refusal.kind) {
    case "off":
      return failed(503, "admin_off", `The admin API is off: ${refusal.problem}.`, {
        "x-should-retry": "false",
      });
    case "secret-missing":
      return unauthenticated(
        "missing_admin_secret",
        "No admin secret was sent. Send it as `Authorization: Bearer ...`.",
      );
    case "secret-wrong":
      return unauthenticated("invalid_admin_secret", "This is not the admin secret.");
    case "too-many":
      return {
        status: 429,
        type: "rate_limit_error",
        code: "rate_limited",
        message: `Too many ${refusal.what}. Try again in ${WINDOW_SECONDS[refusal.what]} seconds.`,
        headers: { "retry-after": String(WINDOW_SECONDS[refusal.what]) },
      };
    case "route-unknown":
      return invalid(
        404,
        "unknown_url",
        `There is no ${refusal.method} ${clip(refusal.path)} here; GET /admin/v1/openapi.json lists what there is.`,
      );
    case "method-not-allowed":
      return {
        ...invalid(
          405,
          "method_not_allowed",
          `${clip(refusal.path)} takes ${refusal.allowed}, not ${refusal.method}.`,
        ),
        headers: { allow: refusal.allowed },
      };
    case "malformed-json":
      return invalid(
        400,
        "invalid_json",
        `The body is not JSON: ${refusal.problem} (at character ${refusal.position}).`,
      );
    case "body-too-large":
      return invalid(
        413,
        "body_too_large",
        `The body is larger than ${refusal.bytesMax} bytes; send less.`,
      );
    case "invalid":
      return {
        ...invalid(400, "invalid_value", `\`${clip(refusal.parameter)}\` ${refusal.problem}.`),
        param: clip(refusal.parameter),
      };
    case "condition-missing":
      return invalid(428, "precondition_required", refusal.advice);
    case "missing":
      return invalid(404, "not_found", `There is no ${refusal.what} "${clip(refusal.id)}".`);
    case "stale":
      return stale(
        refusal.version,
        refusal.version === 0
          ? `There is no ${refusal.what} now, so nothing was changed. To make one, send \`if-none-match: *\`.`
          : `The ${refusal.what} is at version ${refusal.version} now, so nothing was changed. Read it again, then decide.`,
        refusal.version === 0 ? {} : { etag: `"${refusal.version}"` },
      );
    case "stale-revision":
      return stale(
        refusal.revision,
        `The configuration is at revision ${refusal.revision} now, so nothing was changed. Export it again, then decide.`,
        { etag: `"${refusal.revision}"` },
      );
    case "faulty":
      return {
        ...invalid(422, "invalid_document", sayFaults(refusal.faults)),
        ...(refusal.faults[0] === undefined ? {} : { param: refusal.faults[0].path }),
        more: { faults: refusal.faults },
      };
    case "unreachable":
      return failed(
        503,
        "unreachable",
        `${refusal.what} could not be reached. A write may or may not have been kept: read, then try again. What was published keeps serving.`,
        { "retry-after": "1" },
      );
    case "internal":
      return failed(500, "internal_error", WENT_WRONG, {});
  }
}

function sayFaults(faults: readonly Fault[]): string {
  const [first] = faults;
  if (first === undefined) return "The document has faults.";
  const more = faults.length === 1 ? "" : ` (and ${faults.length - 1} more, listed in \`faults\`)`;
  return `Nothing was changed: ${first.path === "" ? "the document" : `\`${clip(first.path)}\``} ${first.problem}${more}.`;
}

function unauthenticated(code: string, message: string): PublicRefusal {
  return {
    status: 401,
    type: "authentication_error",
    code,
    message,
    headers: { "www-authenticate": "Bearer" },
  };
}

function failed(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>>,
): PublicRefusal {
  return { status, type: "server_error", code, message, headers };
}

function stale(
  version: number,
  message: string,
  headers: Readonly<Record<string, string>>,
): PublicRefusal {
  const more = { version };
  return { status: 409, type: "conflict_error", code: "stale_version", message, more, headers };
}

function invalid(status: number, code: string, message: string): PublicRefusal {
  return { status, type: "invalid_request_error", code, message };
}

function clip(text: string): string {
  return text.length > ECHO_CHARS_MAX ? `${text.slice(0, ECHO_CHARS_MAX)}...` : text;
}
