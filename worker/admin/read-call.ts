// From a request to a call that a route can answer: its parameters, its condition and its body, or why not. A parameter
// that a route does not know is refused: `?dryrun=1` must not write.
import { faultPosition } from "../stream/json-fault.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies, Call, Condition, Route } from "./route.ts";

/** At most as many as the registry puts on a page. */
export const PAGE = { usual: 50, max: 200 } as const;
/** Longer than any id or scope, and than a place in each of a tenant's 33 journals. */
export const AFTER_CHARS_MAX = 600;
/** A user's name has at most 128 characters. */
export const SCOPE_CHARS_MAX = 200;
/** A tenant's id of 64 characters, a sign and a shard's number. */
export const LEDGER_CHARS_MAX = 80;
/** A name, an address or a job's url; it stands in every line of the audit. */
const ACTOR_CHARS_MAX = 120;
const ACTOR_DEFAULT = "admin";

type Result<T> = { readonly kind: "read"; readonly value: T } | Refusal;

export async function readCall(
  request: Request,
  route: Route,
  ids: Readonly<Record<string, string>>,
  deps: AdminDependencies,
): Promise<Result<Call>> {
  const query = readQuery(new URL(request.url).searchParams, route);
  if (query.kind !== "read") return query;
  const expected = readCondition(request.headers, route.condition);
  if (expected.kind !== "read") return expected;
  const actor = (request.headers.get("x-sluice-actor") ?? "").trim() || ACTOR_DEFAULT;
  if (actor.length > ACTOR_CHARS_MAX || !/^[\x20-\x7e]+$/.test(actor)) {
    const problem = `must be at most ${ACTOR_CHARS_MAX} characters of printable ASCII`;
    return invalid("x-sluice-actor", problem);
  }
  const body =
    route.bodyBytesMax === undefined ? NO_BODY : await readBody(request, route.bodyBytesMax);
  if (body.kind !== "read") return body;
  return {
    kind: "read",
    value: {
      request,
      ids,
      ...query.value,
      expected: expected.value,
      actor,
      bodyText: body.value,
      deps,
    },
  };
}

const SEND_VERSION =
  'Send `if-match` with the version that a GET gave as its `etag`, as in `if-match: "3"`';
const NO_BODY = { kind: "read", value: "{}" } as const;

function readQuery(
  given: URLSearchParams,
  route: Route,
): Result<
  Pick<Call, "after" | "limit" | "scope" | "ledger" | "policy" | "isDryRun" | "areSecretsLater">
> {
  const names: readonly string[] = route.query ?? [];
  for (const name of new Set(given.keys())) {
    if (!names.includes(name)) {
      const known = names.join(", ") || "none";
      return invalid(name, `is no parameter here; there is ${known}`);
    }
    if (given.getAll(name).length > 1) return invalid(name, "must stand once");
  }
  for (const name of ["dry_run", "secrets_later"]) {
    if (!/^[01]$/.test(given.get(name) ?? "0")) return invalid(name, "must be 1 or 0");
  }
  const after = given.get("after") ?? "";
  if (after.length > AFTER_CHARS_MAX) {
    const problem = `must be at most ${AFTER_CHARS_MAX} characters`;
    return invalid("after", problem);
  }
  const scope = given.get("scope");
  const ledger = given.get("ledger");
  const policy = given.get("policy");
  for (const [parameter, value, most] of [
    ["scope", scope, SCOPE_CHARS_MAX],
    ["ledger", ledger, LEDGER_CHARS_MAX],
    ["policy", policy, AFTER_CHARS_MAX],
  ] as const) {
    if (value === null || (value !== "" && value.length <= most)) continue;
    return invalid(parameter, `must be from 1 to ${most} characters`);
  }
  const { usual, max } = route.page ?? PAGE;
  const limit = Number(given.get("limit") ?? usual);
  if (!Number.isInteger(limit) || limit < 1 || limit > max) {
    const problem = `must be a whole number from 1 to ${max}`;
    return invalid("limit", problem);
  }
  return {
    kind: "read",
    value: {
      after,
      limit,
      scope,
      ledger,
      policy,
      isDryRun: given.get("dry_run") === "1",
      areSecretsLater: given.get("secrets_later") === "1",
    },
  };
}

function readCondition(headers: Headers, condition: Condition | undefined): Result<number | null> {
  const match = headers.get("if-match");
  const noneMatch = headers.get("if-none-match");
  switch (condition) {
    case undefined:
      return { kind: "read", value: null };
    case "revision":
      if (match === "*") return { kind: "read", value: null };
      if (match !== null) return readVersion(match);
      return {
        kind: "condition-missing",
        advice:
          'Send `if-match` with the revision that GET /admin/v1/export gave as its `etag`, as in `if-match: "120"`, or `if-match: *` to take the place of whatever stands.',
      };
    case "version":
    case "version-or-new":
      if (match !== null && noneMatch !== null) {
        const problem = "and `if-match` exclude each other";
        return invalid("if-none-match", problem);
      }
      if (match !== null) return readVersion(match);
      if (condition === "version-or-new" && noneMatch === "*") return { kind: "read", value: 0 };
      return {
        kind: "condition-missing",
        advice:
          condition === "version"
            ? `${SEND_VERSION}.`
            : `${SEND_VERSION}, or \`if-none-match: *\` to make a new one.`,
      };
  }
}

/** Proxies that compress turn `"3"` into `W/"3"`; it is the same version. */
function readVersion(text: string): Result<number> {
  const digits = /^(?:W\/)?"(\d{1,15})"$/.exec(text.trim())?.[1];
  return digits === undefined
    ? invalid("if-match", 'must be one version in quotes, as in "3"')
    : { kind: "read", value: Number(digits) };
}

/** Counts what comes, whatever `content-length` says. */
async function readBody(request: Request, bytesMax: number): Promise<Result<string>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? new Blob().stream()) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) return { kind: "body-too-large", bytesMax };
      chunks.push(chunk);
    }
  } catch {
    // The connection broke while the client was still sending; there is nobody to answer.
    return malformed(bytes, "it was never sent whole");
  }
  if (bytes === 0) return malformed(0, "it is empty");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(
      await new Blob(chunks).arrayBuffer(),
    );
  } catch {
    return malformed(0, "it is not UTF-8");
  }
  try {
    JSON.parse(text);
    return { kind: "read", value: text };
  } catch {
    // Its message may quote the text; the place is found by our own reader.
    const position = faultPosition(text);
    const problem = position >= text.length ? "it ends too early" : "it breaks off";
    return malformed(position, problem);
  }
}

function invalid(parameter: string, problem: string): Refusal {
  return { kind: "invalid", parameter, problem };
}

function malformed(position: number, problem: string): Refusal {
  return { kind: "malformed-json", position, problem };
}
