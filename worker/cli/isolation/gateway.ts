// The gateway's admin API, as far as an isolation test needs it: its catalog, and a place for what was found.
import * as z from "zod/mini";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import type { Finding } from "../../../policies/placement/isolation.ts";
import { StartFailure } from "../failure.ts";
import type { IsolationOrder } from "./order.ts";

const ANSWER_MS_MAX = 30_000;
const ACTOR = "isolation-test";
const REFUSAL_CHARS = 200;

const stored = z.object({ document: z.unknown() });
const refusal = z.object({ error: z.object({ message: z.string() }) });

type Gateway = IsolationOrder["gateway"];

export async function readCatalog(gateway: Gateway): Promise<Catalog> {
  const read = z.safeParse(stored, await call(gateway, "GET", "/catalog"));
  const parsed = parseCatalog(read.success ? read.data.document : null);
  if (parsed.kind === "parsed") return parsed.value;
  throw new StartFailure(`${gateway.url} gives no catalog that this version reads.`);
}

export async function keepFindings(
  gateway: Gateway,
  upstream: string,
  findings: readonly Finding[],
): Promise<void> {
  const replicas = findings.map(({ replica, isolation }) => ({ id: replica, isolation }));
  await call(gateway, "PUT", `/pools/${encodeURIComponent(upstream)}/isolation`, { replicas });
}

async function call(
  { url, adminSecret }: Gateway,
  method: "GET" | "PUT",
  path: string,
  body?: object,
): Promise<unknown> {
  const order = `${method} ${url}/admin/v1${path}`;
  let status: number;
  let text: string;
  try {
    const response = await fetch(`${url}/admin/v1${path}`, {
      method,
      redirect: "error",
      headers: {
        authorization: `Bearer ${adminSecret}`,
        "x-sluice-actor": ACTOR,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    status = response.status;
    text = await response.text();
  } catch (error) {
    const { message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    throw new StartFailure(`${order}: no answer (${cause?.code ?? message}).`);
  }
  const said = parseJson(text);
  if (status === 200) return said;
  const told = z.safeParse(refusal, said);
  const message = told.success ? told.data.error.message : text.slice(0, REFUSAL_CHARS);
  throw new StartFailure(`${order}: ${status} ${message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Somebody between here and the gateway answered.
    return null;
  }
}
