// `POST /internal/v1/kv-events`: what relays beside engines tell of their caches, for the index of the pool that they name.
// Off until the secret RELAY_TOKEN is set. Neither tokens nor keys are logged.
import { findUpstream } from "../policies/catalog.ts";
import { settingsOf } from "../policies/placement/pool.ts";
import {
  BATCH_BYTES_MAX,
  parseKvBatch,
  type KvAnswer,
  type KvBatch,
} from "../policies/prefix/kv-events.ts";
import { bearerOf, faultOfSecret, isEqual } from "./bearer.ts";
import type { Dependencies } from "./dependencies.ts";
import { notConfigured, type Failure } from "./failure.ts";
import { logError } from "./log.ts";
import { isBugInside } from "./object-fault.ts";
import { readBody } from "./request-body.ts";
import { faultPosition } from "./stream/json-fault.ts";
import { Patience } from "./stream/patience.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

/** A full batch takes an index some milliseconds; a relay gives up after ten seconds, and must hear why before. */
const INDEX_MS_MAX = 5_000;
/** An object that broke is there again at the next call. */
const RETRY_MS = 1_000;

/** Said once in each isolate, as of the admin API. */
let isOffTold = false;

export async function hearKvEvents(
  request: Request,
  deps: Dependencies,
): Promise<{ readonly kind: "heard"; readonly body: KvAnswer } | Failure> {
  const stranger = await findStranger(request, deps);
  if (stranger !== null) return stranger;
  const batch = await readBatch(request);
  if ("kind" in batch) return batch;
  const { pool, replica } = batch;
  const catalog = await deps.configuration.catalog();
  if (catalog === null) return notConfigured("there is no catalog");
  const upstream = findUpstream(catalog, pool);
  const settings = upstream === undefined ? null : settingsOf(upstream);
  if (settings === null) return { kind: "pool-unknown", pool };
  if (settings.replicas.every(({ id }) => id !== replica))
    return { kind: "replica-unknown", pool, replica };
  // Its keys are made with the model's name, so those of another one would be taken and never met.
  const served = catalog.models.filter((model) => model.upstream === pool);
  if (served.every(({ name, adapterOf }) => (adapterOf ?? name) !== batch.model))
    return { kind: "model-unserved", pool, model: batch.model };
  try {
    const answer = await within(deps.poolOf(pool).ingest(settings, batch), INDEX_MS_MAX);
    if (answer === TIMED_OUT) return unreachable(pool, `no answer within ${INDEX_MS_MAX} ms`);
    if (answer.kind === "unknown-replica") return { kind: "replica-unknown", pool, replica };
    const { expected, wants } = answer;
    return { kind: "heard", body: { expected, wants } };
  } catch (error) {
    if (isBugInside(error)) throw error;
    return unreachable(pool, String(error));
  }
}

/** Null lets the relay in. */
async function findStranger(request: Request, deps: Dependencies): Promise<Failure | null> {
  const token = deps.secret("RELAY_TOKEN");
  const fault =
    faultOfSecret("RELAY_TOKEN", token) ??
    // A relay's machine is an engine's, and must not open what changes budgets.
    (token === deps.secret("ADMIN_SECRET") ? "the secret RELAY_TOKEN is ADMIN_SECRET's" : null);
  if (token === null || fault !== null) {
    if (!isOffTold) logError("relays-off", { problem: fault });
    isOffTold = true;
    return notConfigured(`${fault}, so no relay is heard`);
  }
  const given = bearerOf(request);
  return given !== null && (await isEqual(given, token)) ? null : { kind: "relay-token" };
}

async function readBatch(request: Request): Promise<KvBatch | Failure> {
  const patience = new Patience();
  const text = await readBody(request, BATCH_BYTES_MAX, patience);
  patience.close();
  if (typeof text !== "string") return text;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    const position = faultPosition(text);
    const detail = position >= text.length ? "it ends too early" : "it breaks off";
    return { kind: "malformed-json", position, detail };
  }
  const parsed = parseKvBatch(document);
  return parsed.kind === "parsed" ? parsed.value : { kind: "faulty", faults: parsed.faults };
}

function unreachable(pool: string, problem: string): Failure {
  logError("pool-unreachable", { pool, problem });
  return { kind: "pool-unreachable", retryAfterMs: RETRY_MS };
}
