// The ledger's object alone, behind a Worker that does nothing else, beside an object that does nothing at all: what is
// between the two is what a hold and its settlement cost.
import { DurableObject } from "cloudflare:workers";
import { Ledger } from "../../../durable/ledger.ts";
import type { HoldRequest, Offer, Settlement } from "../../../policies/account.ts";

interface Bindings {
  readonly LEDGER: DurableObjectNamespace<BenchLedger>;
  readonly PLAIN: DurableObjectNamespace<Plain>;
}

const NAME = "bench";
/** So that nothing is ever refused. */
const PLENTY = 9_000_000_000_000;

const OFFER: Offer = {
  rung: 0,
  arm: "large/long",
  strategies: ["concise"],
  inputTokens: 1500,
  outputTokens: 4096,
  outputTokensMin: 512,
  sliceTokens: 1024,
  priceVersion: "2026-10",
  inputNanosPerMtok: 100_000_000,
  cachedInputNanosPerMtok: 50_000_000,
  cacheWriteNanosPerMtok: 100_000_000,
  outputNanosPerMtok: 400_000_000,
};
const OFFERS: readonly Offer[] = [
  OFFER,
  { ...OFFER, rung: 1, arm: "large/short", outputTokensMin: 128, sliceTokens: 256 },
  { ...OFFER, rung: 2, arm: "small/short", outputTokensMin: 128, sliceTokens: 256 },
];

/** A tenant with a budget a day, one a month and a rate, and a key with a budget: two scopes, four limits, three rungs. */
function holdRequest(callId: string): HoldRequest {
  return {
    callId,
    keyId: "key-0123456789abcdef",
    policyVersion: "balanced@7",
    variant: null,
    requests: 1,
    scopes: [
      {
        scope: "tenant",
        limits: [
          { dimension: "tokens", window: "day", limit: PLENTY, hard: true },
          { dimension: "nanos", window: "month", limit: PLENTY, hard: true },
          { dimension: "requests", window: "minute", limit: 100_000_000, hard: true },
        ],
      },
      {
        scope: "key:key-0123456789abcdef",
        limits: [{ dimension: "tokens", window: "day", limit: PLENTY, hard: true }],
      },
    ],
    zone: "Europe/Berlin",
    session: null,
    offers: OFFERS,
    ttlMs: 90_000,
  };
}

function settlement(callId: string, outputTokens: number): Settlement {
  const [cachedTokens, cacheWriteTokens, reasoningTokens] = [600, 0, 0];
  const usage = {
    inputTokens: 1400,
    cachedTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
  };
  return { callId, usage, certainty: "exact", ending: "complete" };
}

export class BenchLedger extends Ledger {
  /** Holds and settles so many calls, each named anew. */
  fill(count: number): void {
    for (let at = 0; at < count; at += 1) {
      const callId = `${crypto.randomUUID()}:1`;
      this.hold(holdRequest(callId));
      this.settle(settlement(callId, 1 + (at % 900)));
    }
  }

  bytes(): number {
    return this.ctx.storage.sql.databaseSize;
  }
}

export class Plain extends DurableObject {
  answer(): number {
    return 1;
  }
}

export default {
  async fetch(request: Request, env: Bindings, context: ExecutionContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    switch (pathname) {
      case "/nothing":
        return new Response("ok");
      case "/plain":
        await env.PLAIN.getByName(NAME).answer();
        return new Response("ok");
      case "/hold": {
        const callId = `${crypto.randomUUID()}:1`;
        const held = await env.LEDGER.getByName(NAME).hold(holdRequest(callId));
        if (held.kind !== "held") return new Response(JSON.stringify(held), { status: 500 });
        context.waitUntil(env.LEDGER.getByName(NAME).settle(settlement(callId, 400)));
        return new Response("ok");
      }
      case "/fill":
        await env.LEDGER.getByName(NAME).fill(Number(searchParams.get("count")));
        return new Response("ok");
      case "/bytes":
        return new Response(String(await env.LEDGER.getByName(NAME).bytes()));
      case "/collect":
        // There where the runtime was told to expose it.
        (globalThis as { readonly gc?: () => void }).gc?.();
        return new Response("gc" in globalThis ? "collected" : "left");
      default:
        return new Response(null, { status: 404 });
    }
  },
};
