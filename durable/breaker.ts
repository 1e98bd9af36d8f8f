// The circuit breaker of one upstream: one small whole-state object behind itty.ts. What it decides is
// policies/breaker.ts; this object only keeps it, in one place for all isolates and across evictions.
import type { BreakerSettings } from "../policies/catalog.ts";
import {
  askPermit,
  CLOSED,
  reportOutcome,
  type Circuit,
  type Permit,
  handBackProbe,
} from "../policies/breaker.ts";
import { Persisted } from "./itty.ts";

export class Breaker extends Persisted {
  /** Stored, so its name and shape are a schema: a version that changes them must read the old. */
  circuit: Circuit = CLOSED;
  #saved: Circuit = CLOSED;

  /** May a call go out? A yes in half-open takes the probe's slot, and its caller must report. */
  permit(settings: BreakerSettings): Permit {
    const { circuit, permit } = askPermit(this.circuit, settings, Date.now());
    this.circuit = circuit;
    return permit;
  }

  /** How a permitted call went. Only faults of the upstream are failures: never the client's, never a 429 of ours. */
  report(isOk: boolean, settings: BreakerSettings): { readonly state: Circuit["kind"] } {
    this.circuit = reportOutcome(this.circuit, isOk, settings, Date.now());
    return { state: this.circuit.kind };
  }

  /** A probe whose call told nothing, because its client left or the budget refused it. */
  handBack(settings: BreakerSettings): { readonly state: Circuit["kind"] } {
    this.circuit = handBackProbe(this.circuit, settings, Date.now());
    return { state: this.circuit.kind };
  }

  /** How it stands, for an operator: asks for nothing, so a probe's slot stays free. */
  look(settings: BreakerSettings): Permit & { readonly recentFailures: number } {
    const { circuit } = this;
    const nowMs = Date.now();
    const { permitted, retryInMs } = askPermit(circuit, settings, nowMs).permit;
    const failedAtMs = circuit.kind === "closed" ? circuit.failedAtMs : [];
    const recentFailures = failedAtMs.filter((atMs) => nowMs - atMs < settings.windowMs).length;
    return { state: circuit.kind, permitted, retryInMs, recentFailures };
  }

  /** Most calls find the circuit closed and leave it so; those write nothing. */
  override async persist(): Promise<void> {
    if (this.circuit === this.#saved) return;
    this.#saved = this.circuit;
    await super.persist();
  }
}
