// The admin API as a program without an SDK calls it: one request, its answer as JSON, and the usual orders in a line each.
import type { GatewayUnderTest } from "../support/gateway-under-test.ts";

export interface AdminAnswer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface AdminError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
    readonly faults?: readonly { readonly path: string; readonly problem: string }[];
    readonly version?: number;
  };
}

export interface NewKey {
  readonly id: string;
  readonly secret: string;
  readonly old?: { readonly id: string; readonly expires_at_ms: number };
}

export interface AdminOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Another than the gateway's; null sends none. */
  readonly secret?: string | null;
}

type Reachable = Pick<GatewayUnderTest, "url" | "adminSecret">;

/** `order` is `PUT /tenants/acme`. A body goes as it is when it is text, and as JSON otherwise. */
export async function admin<Body = Record<string, unknown>>(
  gateway: Reachable,
  order: string,
  body?: unknown,
  { headers = {}, secret = gateway.adminSecret }: AdminOptions = {},
): Promise<AdminAnswer<Body>> {
  const [method = "GET", path = ""] = order.split(" ");
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: {
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === "" ? {} : parse(text, response)) as Body,
  };
}

/** Lines of JSON become a list. */
function parse(text: string, { headers }: Response): unknown {
  const isLines = headers.get("content-type") === "application/x-ndjson";
  return JSON.parse(isLines ? `[${text.trimEnd().split("\n").join(",")}]` : text);
}

export const MADE_NEW = { headers: { "if-none-match": "*" } } as const;

export function atVersion(version: number | string): AdminOptions {
  return { headers: { "if-match": `"${version}"` } };
}

export async function createTenant(gateway: Reachable, id: string, changes: object = {}) {
  const tenant = { id, name: id, policy: "balanced", ...changes };
  const made = await admin(gateway, `PUT /tenants/${id}`, tenant, MADE_NEW);
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  return made;
}

export async function createKey(gateway: Reachable, tenant: string, order: object = {}) {
  const made = await admin<NewKey>(gateway, `POST /tenants/${tenant}/keys`, order);
  if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  return made.body;
}
