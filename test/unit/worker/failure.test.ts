// Every failure becomes a status, a body in OpenAI's shape and advice that clients heed, and tells nothing of the inside.
import { describe, expect, it } from "vitest";
import { chat } from "../../../worker/dialect/chat.ts";
import type { Failure } from "../../../worker/failure.ts";
import { OUTPUT_BOUND } from "../../../worker/public-failure.ts";
import { translate } from "../../../worker/translate.ts";

const QUOTA = {
  kind: "budget-exceeded",
  reason: "quota",
  scope: "tenant",
  dimension: "tokens",
  window: "day",
  limit: 1000,
  remaining: 10,
  resetInMs: 3_600_000,
  resetAtMs: Date.UTC(2026, 10, 2),
  affordableTokens: 0,
} as const;

/** A row for every kind: the compiler misses one that is not here. */
const FAILURES: {
  [K in Failure["kind"]]: {
    failure: Extract<Failure, { kind: K }>;
    status: number;
    type: string;
    code: string | null;
  };
} = {
  "malformed-json": {
    failure: { kind: "malformed-json", position: 7, detail: 'unexpected "x"' },
    status: 400,
    type: "invalid_request_error",
    code: "invalid_json",
  },
  "invalid-field": {
    failure: { kind: "invalid-field", field: "n", problem: "must be a whole number" },
    status: 400,
    type: "invalid_request_error",
    code: "invalid_value",
  },
  faulty: {
    failure: { kind: "faulty", faults: [{ path: "epoch", problem: "must be a whole number" }] },
    status: 400,
    type: "invalid_request_error",
    code: "invalid_value",
  },
  "relay-token": {
    failure: { kind: "relay-token" },
    status: 401,
    type: "authentication_error",
    code: "invalid_relay_token",
  },
  "pool-unknown": {
    failure: { kind: "pool-unknown", pool: "chat" },
    status: 404,
    type: "invalid_request_error",
    code: "pool_not_found",
  },
  "model-unserved": {
    failure: { kind: "model-unserved", pool: "chat", model: "m9" },
    status: 404,
    type: "invalid_request_error",
    code: "model_not_served",
  },
  "replica-unknown": {
    failure: { kind: "replica-unknown", pool: "chat", replica: "r9" },
    status: 404,
    type: "invalid_request_error",
    code: "replica_not_found",
  },
  "pool-unreachable": {
    failure: { kind: "pool-unreachable", retryAfterMs: 1000 },
    status: 503,
    type: "server_error",
    code: "pool_unreachable",
  },
  "request-unknown": {
    failure: { kind: "request-unknown", requestId: "r-1" },
    status: 404,
    type: "invalid_request_error",
    code: "request_not_found",
  },
  "body-too-large": {
    failure: { kind: "body-too-large", bytesMax: 10 },
    status: 413,
    type: "invalid_request_error",
    code: "body_too_large",
  },
  "body-late": {
    failure: { kind: "body-late", waitedMs: 60_000 },
    status: 408,
    type: "invalid_request_error",
    code: "request_timeout",
  },
  "memory-busy": {
    failure: { kind: "memory-busy", retryAfterMs: 2000 },
    status: 503,
    type: "server_error",
    code: "gateway_busy",
  },
  "context-exceeded": {
    failure: { kind: "context-exceeded", tokensMin: 500_000, contextTokens: 8192 },
    status: 400,
    type: "invalid_request_error",
    code: "context_length_exceeded",
  },
  "key-missing": {
    failure: { kind: "key-missing" },
    status: 401,
    type: "authentication_error",
    code: "missing_api_key",
  },
  "key-unknown": {
    failure: { kind: "key-unknown" },
    status: 401,
    type: "authentication_error",
    code: "invalid_api_key",
  },
  "key-scope": {
    failure: { kind: "key-scope", scope: "inference" },
    status: 403,
    type: "permission_error",
    code: "insufficient_scope",
  },
  "model-unknown": {
    failure: { kind: "model-unknown", model: "gpt" },
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
  },
  "route-unknown": {
    failure: { kind: "route-unknown", method: "GET", path: "/x" },
    status: 404,
    type: "invalid_request_error",
    code: "unknown_url",
  },
  "method-not-allowed": {
    failure: { kind: "method-not-allowed", method: "GET", path: "/x", allowed: "POST" },
    status: 405,
    type: "invalid_request_error",
    code: "method_not_allowed",
  },
  "budget-exceeded": {
    failure: QUOTA,
    status: 429,
    type: "insufficient_quota",
    code: "project_spend_limit_exceeded",
  },
  "call-mismatch": {
    failure: { kind: "call-mismatch" },
    status: 422,
    type: "invalid_request_error",
    code: "idempotency_mismatch",
  },
  "budget-unavailable": {
    failure: { kind: "budget-unavailable" },
    status: 503,
    type: "server_error",
    code: "budget_unavailable",
  },
  "upstream-refused": {
    failure: {
      kind: "upstream-refused",
      status: 422,
      message: "M",
      type: null,
      code: "c",
      param: "p",
    },
    status: 422,
    type: "invalid_request_error",
    code: "c",
  },
  "upstream-busy": {
    failure: { kind: "upstream-busy", retryAfterMs: null },
    status: 429,
    type: "rate_limit_error",
    code: "upstream_rate_limited",
  },
  "upstream-credentials": {
    failure: { kind: "upstream-credentials" },
    status: 502,
    type: "server_error",
    code: "upstream_credentials",
  },
  "upstream-failed": {
    failure: { kind: "upstream-failed", status: 500, detail: "it refused" },
    status: 502,
    type: "server_error",
    code: "upstream_error",
  },
  "upstream-silent": {
    failure: { kind: "upstream-silent", waitedMs: 5 },
    status: 504,
    type: "server_error",
    code: "upstream_timeout",
  },
  "upstream-late": {
    failure: { kind: "upstream-late", deadlineMs: 5 },
    status: 504,
    type: "server_error",
    code: "upstream_timeout",
  },
  "upstream-cut": {
    failure: { kind: "upstream-cut", detail: "its connection broke" },
    status: 502,
    type: "server_error",
    code: "upstream_cut",
  },
  "upstream-resting": {
    failure: { kind: "upstream-resting", retryAfterMs: 500 },
    status: 503,
    type: "server_error",
    code: "upstream_unavailable",
  },
  "upstream-full": {
    failure: { kind: "upstream-full", retryAfterMs: 500 },
    status: 503,
    type: "server_error",
    code: "upstream_full",
  },
  "client-left": {
    failure: { kind: "client-left" },
    status: 499,
    type: "client_error",
    code: "client_left",
  },
  "not-configured": {
    failure: { kind: "not-configured", what: "there is no catalog" },
    status: 503,
    type: "server_error",
    code: "not_configured",
  },
  internal: {
    failure: { kind: "internal" },
    status: 500,
    type: "server_error",
    code: "internal_error",
  },
};

describe("a failure", () => {
  it.each(Object.entries(FAILURES))(
    "%s has its status and OpenAI's shape",
    (_, { failure, status, type, code }) => {
      const shown = translate(failure);
      expect(shown).toMatchObject({ status, type, code });
      const { error, ...rest } = JSON.parse(chat.fail.body(shown, "id")) as {
        error: Record<string, unknown>;
      };
      expect(rest).toEqual({});
      expect(Object.keys(error)).toEqual(["message", "type", "param", "code"]);
      expect(error["message"]).toMatch(/\S/);
    },
  );

  it.each(Object.entries(FAILURES))(
    "%s can be answered over HTTP and shows no stack",
    (_, { failure }) => {
      const shown = translate(failure);
      const response = new Response(chat.fail.body(shown, "id"), {
        status: shown.status,
        headers: { ...shown.headers },
      });
      expect(response.status).toBe(shown.status);
      expect(shown.message).not.toMatch(/\.[jt]s:\d+|Error:|node_modules/);
    },
  );

  it("of the inside says nothing of it", () => {
    expect(translate({ kind: "internal" }).message).not.toMatch(/stack|undefined|exception/i);
    expect(translate({ kind: "upstream-credentials" }).message).not.toMatch(/sk-|Bearer/);
  });

  it("names what is to be mended", () => {
    expect(translate({ kind: "invalid-field", field: "n", problem: "must be 1" })).toMatchObject({
      param: "n",
      message: "`n` must be 1.",
    });
    expect(
      translate({ kind: "malformed-json", position: 7, detail: "it ends too early" }).message,
    ).toContain("at character 7");
    expect(translate({ kind: "model-unknown", model: "gpt" }).param).toBe("model");
    expect(
      translate({ kind: "method-not-allowed", method: "GET", path: "/x", allowed: "POST" }).headers,
    ).toEqual({ allow: "POST" });
    expect(translate({ kind: "key-missing" }).headers).toEqual({ "www-authenticate": "Bearer" });
  });

  it("passes an upstream's refusal on in the upstream's words", () => {
    const said = {
      status: 400,
      message: "Too long",
      type: "BadRequestError",
      code: "context",
      param: "messages",
    };
    expect(translate({ kind: "upstream-refused", ...said })).toEqual({ ...said, headers: {} });
  });

  it.each<Failure>([
    { kind: "model-unknown", model: "m".repeat(100_000) },
    { kind: "route-unknown", method: "GET", path: `/${"p".repeat(100_000)}` },
    { kind: "method-not-allowed", method: "GET", path: `/${"p".repeat(100_000)}`, allowed: "POST" },
    { kind: "invalid-field", field: "f".repeat(100_000), problem: "stands twice" },
  ])("$kind shows only so much of what was sent", (failure) => {
    expect(chat.fail.body(translate(failure), "id").length).toBeLessThan(1000);
  });
});

it("names the output's bound as the client's API does", () => {
  const shown = translate({ ...QUOTA, reason: "unfit", affordableTokens: 12 });
  const body = JSON.parse(chat.fail.body(shown, "r")) as { error: Record<string, string> };
  expect(body.error["param"]).toBe("max_completion_tokens");
  expect(body.error["message"]).toContain("`max_completion_tokens` of at most 12 would fit");
});

describe("retry advice", () => {
  const busy = (retryAfterMs: number | null): Readonly<Record<string, string>> =>
    translate({ kind: "upstream-busy", retryAfterMs }).headers;

  it.each([
    { waitMs: null, headers: { "retry-after": "1", "retry-after-ms": "1000" } },
    { waitMs: 0, headers: { "retry-after": "1", "retry-after-ms": "1" } },
    { waitMs: 1001, headers: { "retry-after": "2", "retry-after-ms": "1001" } },
    { waitMs: 60_000, headers: { "retry-after": "60", "retry-after-ms": "60000" } },
    { waitMs: 60_001, headers: { "retry-after": "61", "x-should-retry": "false" } },
    { waitMs: 86_400_000, headers: { "retry-after": "86400", "x-should-retry": "false" } },
  ])("for $waitMs ms is $headers", ({ waitMs, headers }) => {
    expect(busy(waitMs)).toEqual(headers);
  });

  it("for a used-up budget keeps the SDK quiet however near its window's end is", () => {
    expect(translate(QUOTA).headers).toEqual({ "retry-after": "3600", "x-should-retry": "false" });
    expect(translate({ ...QUOTA, resetInMs: 5000 }).headers).toMatchObject({
      "retry-after": "5",
      "x-should-retry": "false",
    });
  });

  it("for a ledger that cannot be asked is to try again in a second", () => {
    expect(translate({ kind: "budget-unavailable" }).headers).toEqual({
      "retry-after": "1",
      "retry-after-ms": "1000",
      "x-should-retry": "true",
    });
  });

  it("of a request that can never fit is not to retry, and to ask for less", () => {
    const shown = translate({ ...QUOTA, reason: "unfit", affordableTokens: 77 });
    expect(shown).toMatchObject({
      status: 429,
      param: OUTPUT_BOUND,
      headers: { "x-should-retry": "false" },
    });
    expect(shown.message).toContain("at most 77");
  });

  it.each(["requests", "tokens", "nanos"] as const)(
    "names the limit of %s, what is left and when it resets",
    (dimension) => {
      const { message } = translate({ ...QUOTA, dimension });
      expect(message).toContain("1000");
      expect(message).toContain("10 ");
      expect(message).toContain("2026-11-02T00:00:00.000Z");
    },
  );

  it.each(Object.entries(FAILURES))(
    "of %s never asks a client to wait longer than it will heed",
    (_, { failure }) => {
      const { headers } = translate(failure);
      const isHeeded = Number(headers["retry-after"] ?? 0) <= 60;
      expect(isHeeded || headers["x-should-retry"] === "false").toBe(true);
    },
  );
});
