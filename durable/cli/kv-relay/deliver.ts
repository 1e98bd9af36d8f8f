// Brings batches to the gateway, one at a time and in order, for as long as it takes: it waits longer after each failure,
// and a gateway that is away loses nothing but time.
import { parseKvAnswer, type KvAnswer, type KvBatch } from "../../../policies/prefix/kv-events.ts";
import type { Outbox } from "./outbox.ts";

export interface Gateway {
  /** Its origin, without a slash at its end. */
  readonly url: string;
  readonly token: string;
}

export interface DeliveryOptions {
  readonly gateway: Gateway;
  /** Between two batches: what happens in it is told together. */
  readonly flushMs: number;
  /** Of silence, after which it asks whether the gateway still knows what it was told. */
  readonly askMs: number;
  /** From 0 to below 1. */
  readonly chance: () => number;
  readonly nowMs: () => number;
  readonly note: (event: string, fields: object) => void;
}

const PATH = "/internal/v1/kv-events";
const ANSWER_WAIT_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;
const BACK_OFF_MS = 250;
const BACK_OFF_MAX_MS = 30_000;
/** Of what a gateway says that refuses. */
const REFUSAL_CHARS = 200;

type Sent =
  | { readonly kind: "answered"; readonly answer: KvAnswer }
  /** It will not take it until somebody mends a setting: the token, the pool's or the replica's name. */
  | { readonly kind: "refused"; readonly status: number; readonly said: string }
  | { readonly kind: "failed"; readonly cause: string };

export async function deliver(
  outbox: Outbox,
  options: DeliveryOptions,
  closing: AbortSignal,
): Promise<void> {
  const { flushMs, askMs, note, nowMs } = options;
  let failures = 0;
  let snapshots = 0;
  let heardMs = nowMs();
  while (!closing.aborted) {
    const batch = nowMs() - heardMs >= askMs ? outbox.ask() : outbox.next();
    if (batch === null) {
      await pause(flushMs, closing);
      continue;
    }
    const sent = await send(batch, options.gateway, closing);
    if (closing.aborted) return;
    if (sent.kind === "answered") {
      if (failures > 0) note("gateway-back", { failures });
      failures = 0;
      heardMs = nowMs();
      outbox.answered(batch, sent.answer, heardMs);
      // A gateway that asks for a snapshot after each one would be sent nothing else.
      snapshots = outbox.isSnapshotDue ? snapshots + 1 : 0;
      if (snapshots > 0) note("snapshot-due", { wants: sent.answer.wants, times: snapshots });
      await pause(snapshots > 1 ? backOffMs(snapshots, options) : flushMs, closing);
      continue;
    }
    failures++;
    // Each failure in full would fill a log in a night.
    if ((failures & (failures - 1)) === 0) note("gateway-failure", { failures, ...sent });
    await pause(sent.kind === "refused" ? BACK_OFF_MAX_MS : backOffMs(failures, options), closing);
  }
}

async function send(batch: KvBatch, { url, token }: Gateway, closing: AbortSignal): Promise<Sent> {
  try {
    const response = await fetch(`${url}${PATH}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(batch),
      redirect: "error",
      signal: AbortSignal.any([closing, AbortSignal.timeout(ANSWER_WAIT_MS)]),
    });
    const text = await readBounded(response);
    if (response.status === 429 || response.status >= 500)
      return { kind: "failed", cause: `status ${response.status}` };
    if (!response.ok)
      return { kind: "refused", status: response.status, said: text.slice(0, REFUSAL_CHARS) };
    const parsed = parseKvAnswer(JSON.parse(text));
    return parsed.kind === "parsed"
      ? { kind: "answered", answer: parsed.value }
      : { kind: "failed", cause: "an answer of another shape; is this a Sluice gateway?" };
  } catch (error) {
    // No connection, no answer in time, or no JSON: all of them may be better the next time.
    return { kind: "failed", cause: error instanceof Error ? error.name : "unknown" };
  }
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) break;
  }
  return text;
}

/** Doubling, and drawn from the upper half, so that a pool's relays do not come back all at once. */
function backOffMs(failures: number, { chance }: DeliveryOptions): number {
  const most = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MS * 2 ** Math.min(failures, 10));
  return most * (0.5 + 0.5 * chance());
}

function pause(waitMs: number, closing: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      closing.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    closing.addEventListener("abort", end);
    if (closing.aborted) end();
  });
}
