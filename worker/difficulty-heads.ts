// The heads that read difficulty from hidden states, as this isolate last found them in KV, and which pooling replicas
// failed of late. Nothing here fails a request: without a head, or while its replica rests, the text decides.
import type { Model } from "../policies/catalog.ts";
import { openDifficultyHead, type DifficultyHead } from "../policies/diffadapt-head.ts";
import { logError } from "./log.ts";

/** A head is megabytes, so it is read again seldom: one that was put in its place is in use within this and KV's minute. */
const FRESH_MS = 300_000;
/** One that was not there or not sound may be put right sooner. */
const ABSENT_FRESH_MS = 30_000;
/** Of 16.8 MB at the widest, in an isolate of 128 MB. */
const HEADS_MAX = 2;
/** Names without a head; a name is a model's, so there are few. */
const ABSENT_MAX = 100;
/**
 * So many failures of one tenant's questions in a row, and the replica is not asked for that tenant for so long: a dead one
 * costs few requests its deadline, and who asks what makes it late takes it from nobody else.
 */
const FAILURES_MAX = 3;
const REST_MS = 10_000;
/** Tenants whose questions failed of late; one that is pushed out is asked for again. */
const FAILURES_KEPT_MAX = 1000;

export type FoundHead =
  | { readonly kind: "found"; readonly head: DifficultyHead }
  /** `reason` is a clause. */
  | { readonly kind: "absent"; readonly reason: string };

interface Kept {
  readonly found: FoundHead;
  readonly untilMs: number;
}

/** Plain data, shared by the requests of an isolate. */
export interface DifficultyMemory {
  readonly heads: Map<string, Kept>;
  readonly absent: Map<string, Kept>;
  readonly failures: Map<string, { readonly count: number; readonly restsUntilMs: number }>;
}

export function newDifficultyMemory(): DifficultyMemory {
  return { heads: new Map(), absent: new Map(), failures: new Map() };
}

export class DifficultyHeads {
  readonly #kv: Pick<KVNamespace, "get">;
  readonly #memory: DifficultyMemory;
  readonly #now: () => number;

  constructor(kv: Pick<KVNamespace, "get">, memory: DifficultyMemory, now: () => number) {
    this.#kv = kv;
    this.#memory = memory;
    this.#now = now;
  }

  /** The head of a model that declares a pooling replica. Never rejects. */
  async find({ id, pooling }: Model): Promise<FoundHead> {
    if (pooling === undefined) return absent(`${id} declares no pooling replica`);
    const key = `difficulty-head:${id}`;
    const kept = this.#memory.heads.get(key) ?? this.#memory.absent.get(key);
    if (kept !== undefined && kept.untilMs > this.#now()) return boundTo(kept.found, pooling);
    let found: FoundHead;
    try {
      const value = await this.#kv.get(key, "arrayBuffer");
      found = value === null ? absent(`there is no ${key}`) : open(key, new Uint8Array(value));
    } catch (error) {
      report(key, String(error));
      // A head that was good an hour ago is good now.
      found = kept?.found ?? absent(`${key} could not be read`);
    }
    this.#keep(key, found);
    return boundTo(found, pooling);
  }

  #keep(key: string, found: FoundHead): void {
    const { heads, absent: missing } = this.#memory;
    heads.delete(key);
    missing.delete(key);
    const isFound = found.kind === "found";
    const untilMs = this.#now() + (isFound ? FRESH_MS : ABSENT_FRESH_MS);
    keepWithin(isFound ? heads : missing, isFound ? HEADS_MAX : ABSENT_MAX, key, {
      found,
      untilMs,
    });
  }

  isResting(tenantId: string, modelId: string): boolean {
    const failed = this.#memory.failures.get(`${tenantId} ${modelId}`);
    return (failed?.restsUntilMs ?? 0) > this.#now();
  }

  /** What became of asking a model's replica for a tenant. */
  heard(tenantId: string, modelId: string, isOk: boolean): void {
    const { failures } = this.#memory;
    const key = `${tenantId} ${modelId}`;
    const count = (failures.get(key)?.count ?? 0) + 1;
    failures.delete(key);
    if (isOk) return;
    const rests = count >= FAILURES_MAX;
    keepWithin(failures, FAILURES_KEPT_MAX, key, {
      count: rests ? 0 : count,
      restsUntilMs: rests ? this.#now() + REST_MS : 0,
    });
  }
}

function open(key: string, bytes: Uint8Array): FoundHead {
  const opened = openDifficultyHead(bytes);
  if (opened.kind === "opened") return { kind: "found", head: opened.head };
  report(key, opened.problem);
  return absent(`${key} ${opened.problem}`);
}

/** A head reads the states of the one checkpoint that it was trained on; on any other it would guess. */
function boundTo(found: FoundHead, pooling: NonNullable<Model["pooling"]>): FoundHead {
  if (found.kind === "absent") return found;
  const { model, width } = found.head;
  return model === pooling.name && width === pooling.width
    ? found
    : absent(`its head is for ${model} of ${width}, not ${pooling.name} of ${pooling.width}`);
}

function absent(reason: string): FoundHead {
  return { kind: "absent", reason };
}

/** A map keeps its order of insertion, so the first is the one that was put there longest ago. */
function keepWithin<T>(map: Map<string, T>, max: number, key: string, value: T): void {
  map.set(key, value);
  const oldest = map.size > max ? map.keys().next() : null;
  if (oldest !== null && oldest.done !== true) map.delete(oldest.value);
}

function report(key: string, problem: string): void {
  logError("difficulty-head-bad", { key, problem });
}
