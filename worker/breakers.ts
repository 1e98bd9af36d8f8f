// Asks an upstream's breaker before a call and tells it afterwards, through a short cache in the isolate:
// a healthy upstream costs a call to its object now and then, not at every request.
import type { BreakerSettings, Upstream } from "../policies/catalog.ts";
import { logError } from "./log.ts";

/** The answer of a breaker: may a call go out, and when may it otherwise. */
export interface Permit {
  readonly state: "closed" | "open" | "half-open";
  readonly permitted: boolean;
  readonly retryInMs: number;
}

/** One upstream's breaker, as a caller across the network sees it. */
export interface BreakerPort {
  permit(settings: BreakerSettings): Promise<Permit>;
  report(isOk: boolean, settings: BreakerSettings): Promise<unknown>;
  handBack(settings: BreakerSettings): Promise<unknown>;
}

/** How long a closed or open circuit is believed: an upstream that dies costs each isolate at most this of calls. */
const BELIEVED_MS = 1000;

export type PermitCache = Map<string, { readonly permit: Permit; readonly untilMs: number }>;

const UNKNOWN: Permit = { state: "closed", permitted: true, retryInMs: 0 };

export class Breakers {
  readonly #reach: (upstreamId: string) => BreakerPort;
  readonly #cache: PermitCache;
  readonly #now: () => number;

  constructor(reach: (upstreamId: string) => BreakerPort, cache: PermitCache, now: () => number) {
    this.#reach = reach;
    this.#cache = cache;
    this.#now = now;
  }

  /** How long an upstream is known to be left alone still; 0 when it may be asked. Known means without asking. */
  restingMs(upstream: Upstream): number {
    const kept = this.#cache.get(upstream.id);
    if (kept === undefined || kept.untilMs <= this.#now() || kept.permit.permitted) return 0;
    return Math.max(1, kept.permit.retryInMs);
  }

  /** Returns a probe's slot unused, so that the next call may probe. */
  async handBack(upstream: Upstream, permit: Permit): Promise<void> {
    if (permit.state !== "half-open" || !permit.permitted) return;
    this.#cache.delete(upstream.id);
    try {
      await this.#reach(upstream.id).handBack(upstream.breaker);
    } catch (error) {
      report(upstream, error);
    }
  }

  async permit(upstream: Upstream): Promise<Permit> {
    const kept = this.#cache.get(upstream.id);
    if (kept !== undefined && kept.untilMs > this.#now()) return kept.permit;
    let permit = UNKNOWN;
    try {
      permit = await this.#reach(upstream.id).permit(upstream.breaker);
    } catch (error) {
      // A breaker protects upstreams from load, not tenants from loss: without it calls go out as usual.
      report(upstream, error);
    }
    // A half-open yes is the one probe's and must not be handed to a second call.
    if (permit.state !== "half-open") {
      this.#cache.set(upstream.id, {
        permit,
        untilMs: this.#now() + Math.min(BELIEVED_MS, permit.retryInMs || BELIEVED_MS),
      });
    }
    return permit;
  }

  /** Tells how a permitted call went. A success is news only when the circuit was not closed. */
  async report(upstream: Upstream, permit: Permit, isOk: boolean): Promise<void> {
    if (isOk && permit.state === "closed") return;
    this.#cache.delete(upstream.id);
    try {
      await this.#reach(upstream.id).report(isOk, upstream.breaker);
    } catch (error) {
      report(upstream, error);
    }
  }
}

function report(upstream: Upstream, error: unknown): void {
  const problem = String(error);
  logError("breaker-unreachable", { upstream: upstream.id, problem });
}
