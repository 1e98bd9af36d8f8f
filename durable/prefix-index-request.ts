// What a prefix index demands of its callers: sizes first, since what is too large must cost nothing. Only a bug of the
// Worker sends what is refused here.
import {
  BLOCKS_MAX,
  EXPIRES_MS_MAX,
  type EndedCall,
  type PlaceRequest,
  type PoolSettings,
} from "../policies/placement/pool.ts";
import { ISOLATIONS, type Finding } from "../policies/placement/isolation.ts";
import { ORDERS, REPLICAS_MAX } from "../policies/pool.ts";
import {
  BATCH_KEYS_MAX,
  BATCH_OPERATIONS_MAX,
  isLight,
  keysOf,
  type KvBatch,
} from "../policies/prefix/kv-events.ts";

const NAME_CHARS_MAX = 256;
const TOKENS_MAX = 1_000_000_000;
const KEYS = 2 ** 53;

export function checkCallId(callId: unknown): void {
  demandName("callId", callId);
}

export function checkSettings(settings: PoolSettings): void {
  const { replicas, concurrencyMax, order, waitMsMax, breaker } = settings;
  if (!(replicas.length >= 1 && replicas.length <= REPLICAS_MAX))
    throw new RangeError(`settings.replicas: from 1 to ${REPLICAS_MAX}`);
  for (const replica of replicas) {
    demandName("settings.replicas.id", replica.id);
    demand("capacityTokens", replica.capacityTokens, Number.MIN_VALUE, Number.MAX_VALUE);
    demand("prefillTokensPerSecond", replica.prefillTokensPerSecond, 0.001, Number.MAX_VALUE);
    demandCap(replica.concurrencyMax);
    if (replica.address !== undefined) demand("address", replica.address, 0, KEYS - 1);
  }
  demandCap(concurrencyMax);
  if (!ORDERS.includes(order)) throw new RangeError(`settings.order: one of ${ORDERS.join(", ")}`);
  demand("settings.waitMsMax", waitMsMax, 0, EXPIRES_MS_MAX);
  demand("settings.breaker.failures", breaker.failures, 1, 1000);
}

export function checkPlace(request: PlaceRequest): void {
  const { callId, tenant, blocks, inputTokens, expiresInMs, pin, avoid, waitMsMax } = request;
  demandName("callId", callId);
  demandName("tenant", tenant);
  checkKeys("blocks", blocks, BLOCKS_MAX);
  demand("inputTokens", inputTokens, 0, TOKENS_MAX);
  demand("expiresInMs", expiresInMs, 1, EXPIRES_MS_MAX);
  if (pin !== undefined) demandName("pin", pin);
  if (avoid !== undefined && avoid.length > REPLICAS_MAX)
    throw new RangeError(`avoid: at most ${REPLICAS_MAX} replicas`);
  if (waitMsMax !== undefined) demand("waitMsMax", waitMsMax, 0, EXPIRES_MS_MAX);
}

export function checkEnded({ inputTokens, cachedTokens, isFault }: EndedCall): void {
  if (inputTokens !== null) demand("inputTokens", inputTokens, 0, TOKENS_MAX);
  if (cachedTokens !== null) demand("cachedTokens", cachedTokens, 0, TOKENS_MAX);
  if (isFault !== null && typeof isFault !== "boolean")
    throw new RangeError("isFault: true, false or null");
}

export function checkBatch({ operations, epoch, sequence, replica }: KvBatch): void {
  demandName("replica", replica);
  demand("epoch", epoch, 0, KEYS - 1);
  demand("sequence", sequence, 0, KEYS - 1);
  if (operations.length > BATCH_OPERATIONS_MAX)
    throw new RangeError(`operations: at most ${BATCH_OPERATIONS_MAX}`);
  if (!isLight(operations))
    throw new RangeError("operations: one snapshot's part at most, and cleared once at most");
  let count = 0;
  for (const operation of operations) count += keysOf(operation).length;
  if (count > BATCH_KEYS_MAX) throw new RangeError(`operations: at most ${BATCH_KEYS_MAX} keys`);
  for (const operation of operations) checkKeys("operations.keys", keysOf(operation), count);
}

export function checkFindings(findings: readonly Finding[], actor: string): void {
  demandName("actor", actor);
  if (findings.length > REPLICAS_MAX)
    throw new RangeError(`findings: at most ${REPLICAS_MAX} replicas`);
  for (const { replica, isolation } of findings) {
    demandName("findings.replica", replica);
    if (isolation !== null && !ISOLATIONS.includes(isolation))
      throw new RangeError(`findings.isolation: one of ${ISOLATIONS.join(", ")}, or null`);
  }
}

/** Whole numbers that a double tells apart. */
export function checkKeys(field: string, keys: ArrayLike<number>, max: number): void {
  if (!(keys.length <= max)) throw new RangeError(`${field}: at most ${max} keys`);
  for (let i = 0; i < keys.length; i++)
    if (!Number.isInteger(keys[i]) || keys[i]! < 0 || keys[i]! >= KEYS)
      throw new RangeError(`${field}: keys are whole numbers from 0 to ${KEYS - 1}`);
}

function demandName(field: string, value: unknown): void {
  if (typeof value !== "string" || value === "" || value.length > NAME_CHARS_MAX)
    throw new RangeError(`${field}: a text of 1 to ${NAME_CHARS_MAX} characters`);
}

function demandCap(value: number | null): void {
  if (value !== null && !(Number.isSafeInteger(value) && value >= 1))
    throw new RangeError("concurrencyMax: a whole number from 1, or null");
}

function demand(field: string, value: number, least: number, most: number): void {
  if (!(typeof value === "number" && value >= least && value <= most))
    throw new RangeError(`${field}: a number from ${least} to ${most}`);
}
