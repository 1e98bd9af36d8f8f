// The gateway of the fault journeys: upstreams that misbehave, policies whose waits are short enough for tests, a
// tenant without limits, and one request seen whole: the bytes, what an SDK makes of them, and what the ledger wrote.
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { APIError } from "openai";
import { expect } from "vitest";
import { isEnd, type JournalRow } from "../support/journal.ts";
import type { BreakerSettings, Catalog, Model } from "../../../policies/catalog.ts";
import {
  startGatewayUnderTest,
  type GatewayUnderTest,
  type Surroundings,
} from "../support/gateway-under-test.ts";

export const TENANT = "faults";
export const SECRET = "sk-sluice-faults";

/** Short, and far enough apart that a busy machine does not mix them up. */
export const WAITS = { gateMs: 300, heartbeatMs: 200, idleMs: 800, deadlineMs: 3_000 };

/** More failures than a test can make so soon: no case may open a breaker but those that mean to. */
const NEVER: BreakerSettings = { failures: 1_000, windowMs: 100, cooldownMs: 1_000 };

/** Longer than any wait of the policies, shorter than a test. */
const CONDITION_WAIT_MS = 15_000;
const CONDITION_POLL_MS = 20;

type Named = Readonly<Record<string, unknown>>;

export interface FaultSurroundings extends Pick<Surroundings, "simulator" | "bundleFolder"> {
  /** Upstreams beside the simulator, each with one model of the same id. */
  readonly upstreams?: Readonly<
    Record<
      string,
      {
        readonly baseUrl: string;
        readonly breaker?: BreakerSettings;
        readonly billsCancelled?: boolean;
      }
    >
  >;
  readonly policies?: readonly Named[];
  readonly tenants?: readonly Named[];
}

export interface FaultGateway extends GatewayUnderTest {
  /** Sends a chat completion. */
  ask(asked: Asked): Promise<Response>;
  /** Sends one and reads it to its end, however it ends. */
  see(asked: Asked): Promise<Seen>;
  /** What the ledger writes about the calls that begin inside `during`, once none of them is open. */
  journalOf(during: () => Promise<unknown>, tenantId?: string): Promise<readonly JournalRow[]>;
  /** A normal request succeeds, and the Worker has logged nothing that a bug would log. */
  expectHealthy(): Promise<void>;
}

export interface Asked {
  readonly text: string;
  readonly policy: string;
  readonly isStream: boolean;
  readonly model?: string;
  readonly secret?: string;
  readonly signal?: AbortSignal;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Seen {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** The connection broke before the answer's end. */
  readonly isCut: boolean;
}

export async function startFaultGateway(given: FaultSurroundings = {}): Promise<FaultGateway> {
  const policies = [
    policy("alone", { attemptsMax: 1 }),
    policy("retry", { attemptsMax: 3 }),
    policy("failover", { fallback: ["mid"] }),
    ...(given.policies ?? []),
  ];
  const names = policies.map(({ name }) => name);
  const under = await startGatewayUnderTest({
    ...(given.simulator === undefined ? {} : { simulator: given.simulator }),
    ...(given.bundleFolder === undefined ? {} : { bundleFolder: given.bundleFolder }),
    catalog: (seeded) => widen(seeded, given.upstreams ?? {}),
    policies,
    tenants: [
      { id: TENANT, name: "Faults", policy: "alone", policies: names, limits: [] },
      ...(given.tenants ?? []),
    ],
    keys: [
      { secret: SECRET, document: { id: "faults", tenant: TENANT } },
      ...(given.tenants ?? []).map(({ id }) => ({
        secret: secretOf(String(id)),
        document: { id: String(id), tenant: id },
      })),
    ],
  });

  const ask = (asked: Asked): Promise<Response> =>
    fetch(`${under.url}/v1/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${asked.secret ?? SECRET}`,
        "content-type": "application/json",
        "x-sluice-policy": asked.policy,
        ...asked.headers,
      },
      body: JSON.stringify({
        model: asked.model ?? "auto:short",
        messages: [{ role: "user", content: asked.text }],
        ...(asked.isStream ? { stream: true } : {}),
        ...asked.fields,
      }),
      signal: asked.signal ?? null,
    });

  return {
    ...under,
    ask,
    see: async (asked) => readWhole(await ask(asked)),
    journalOf: async (during, tenantId = TENANT) => {
      const before = (await under.ledgerJournal(tenantId)).at(-1)?.seq ?? 0;
      await during();
      await under.untilSettled(tenantId);
      return (await under.ledgerJournal(tenantId)).filter(({ seq }) => seq > before);
    },
    expectHealthy: async () => {
      const seen = await readWhole(
        await ask({ text: "What is 2 + 3?", policy: "alone", isStream: true }),
      );
      expect(seen).toMatchObject({ status: 200, isCut: false });
      expect(seen.text).toContain("data: [DONE]");
      expect(badLines(under.logged)).toEqual([]);
    },
  };
}

export function secretOf(tenantId: string): string {
  return `sk-sluice-of-${tenantId}`;
}

export function policy(name: string, fields: Named = {}): Named {
  return { name, version: "1", modes: { short: "small" }, ...WAITS, ...fields };
}

/** A policy that has one model and nobody else to ask. */
export function only(model: string, fields: Named = {}): Named {
  return policy(`only-${model}`, { modes: { short: model }, attemptsMax: 1, ...fields });
}

/** Lines that only a bug or a hung request writes. */
export function badLines(logged: readonly string[]): string[] {
  return logged.filter((line) =>
    /internal-error|uncaught|unhandled|\bhung\b|settle-failed|release-failed|-unreachable/i.test(
      line,
    ),
  );
}

export async function readWhole(response: Response): Promise<Seen> {
  const chunks: Uint8Array[] = [];
  let isCut = false;
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch {
    // The connection broke or this side left; what came until then is what the client saw.
    isCut = true;
  }
  const bytes = Buffer.concat(chunks);
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text: bytes.toString(),
    isCut,
  };
}

export type Outcome =
  | { readonly kind: "answer"; readonly text: string; readonly finishReason: string | null }
  | {
      readonly kind: "error";
      readonly status: number | undefined;
      readonly code: string | null | undefined;
      /** What had arrived before. */
      readonly text: string;
    };

/** What the openai SDK makes of an answer. */
export async function throughSdk(seen: Seen, isStream: boolean): Promise<Outcome> {
  const client = new OpenAI({
    apiKey: SECRET,
    maxRetries: 0,
    fetch: async () => new Response(seen.bytes, { status: seen.status, headers: seen.headers }),
  });
  const request = { model: "any", messages: [{ role: "user" as const, content: "any" }] };
  let text = "";
  try {
    if (!isStream) {
      const [choice] = (await client.chat.completions.create(request)).choices;
      return {
        kind: "answer",
        text: choice?.message.content ?? "",
        finishReason: choice?.finish_reason ?? null,
      };
    }
    let finishReason: string | null = null;
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? "";
      finishReason = chunk.choices[0]?.finish_reason ?? finishReason;
    }
    return { kind: "answer", text, finishReason };
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    return { kind: "error", status: error.status, code: error.code, text };
  }
}

/** Waits until `holds`; fails with what it last saw. */
export async function until<T>(
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
): Promise<T> {
  const endsAtMs = Date.now() + CONDITION_WAIT_MS;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > endsAtMs) throw new Error(`It never came true: ${JSON.stringify(seen)}`);
    await sleep(CONDITION_POLL_MS);
  }
}

/** The part of a journal that tells how calls ended: one line a call, in the order of their ends. */
export function endingsIn(
  rows: readonly JournalRow[],
): Pick<JournalRow, "op" | "ending" | "certainty">[] {
  return rows.filter(isEnd).map(({ op, ending, certainty }) => ({ op, ending, certainty }));
}

/** Each call was held once and ended once. */
export function expectEachEndedOnce(rows: readonly JournalRow[]): void {
  const counts = (which: (row: JournalRow) => boolean) =>
    rows
      .filter(which)
      .map(({ callId }) => callId)
      .toSorted();
  const held = counts(({ op }) => op === "hold");
  expect(new Set(held).size).toBe(held.length);
  expect(counts(isEnd)).toEqual(held);
}

function widen(seeded: Catalog, added: NonNullable<FaultSurroundings["upstreams"]>): Catalog {
  const like = seeded.models[0];
  if (like === undefined) throw new Error("The seeded catalog has no model.");
  return {
    ...seeded,
    upstreams: [
      ...seeded.upstreams.map((upstream) => ({ ...upstream, breaker: NEVER })),
      ...Object.entries(added).map(([id, { breaker, ...upstream }]) => ({
        id,
        engine: "vllm",
        ...upstream,
        breaker: breaker ?? NEVER,
      })),
    ],
    models: [
      ...seeded.models,
      ...Object.keys(added).map((id): Model => ({ ...like, id, upstream: id })),
    ],
  };
}
