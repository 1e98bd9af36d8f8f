// The circuit breaker of one upstream as a state machine: closed lets calls through and counts failures, open lets
// none, half-open lets one probe through and believes what it reports.
import type { BreakerSettings } from "./catalog.ts";

export type Circuit =
  | {
      readonly kind: "closed";
      /** The latest failures, oldest first; never more than `failures` of the settings. */
      readonly failedAtMs: readonly number[];
    }
  | { readonly kind: "open"; readonly openedAtMs: number }
  | { readonly kind: "half-open"; readonly probedAtMs: number };

export interface Permit {
  readonly state: Circuit["kind"];
  readonly permitted: boolean;
  /** When asking again may help; 0 when permitted. */
  readonly retryInMs: number;
}

export const CLOSED: Circuit = { kind: "closed", failedAtMs: [] };

/** May a call go out now? In half-open a yes takes the probe's slot. The same circuit comes back when nothing changed. */
export function askPermit(
  circuit: Circuit,
  settings: BreakerSettings,
  nowMs: number,
): { readonly circuit: Circuit; readonly permit: Permit } {
  if (circuit.kind === "closed") {
    return { circuit, permit: { state: "closed", permitted: true, retryInMs: 0 } };
  }
  // A probe that is never reported (its Worker died) frees its slot after the same cool-down.
  const sinceMs = circuit.kind === "open" ? circuit.openedAtMs : circuit.probedAtMs;
  const waitMs = cooldownLeftMs(sinceMs, settings, nowMs);
  if (waitMs > 0)
    return { circuit, permit: { state: circuit.kind, permitted: false, retryInMs: waitMs } };
  return {
    circuit: { kind: "half-open", probedAtMs: nowMs },
    permit: { state: "half-open", permitted: true, retryInMs: 0 },
  };
}

/**
 * A call came back. While open, reports change nothing: they come from calls that began before, and neither must
 * stragglers prolong the cool-down nor an old success end it. In half-open a straggler cannot be told from the probe;
 * accepted, because a late success shows that the upstream answers now, and a late failure costs one more cool-down.
 */
export function reportOutcome(
  circuit: Circuit,
  isOk: boolean,
  settings: BreakerSettings,
  nowMs: number,
): Circuit {
  switch (circuit.kind) {
    case "open":
      return circuit;
    case "half-open":
      return isOk ? CLOSED : { kind: "open", openedAtMs: nowMs };
    case "closed": {
      if (isOk) return circuit;
      const recent = circuit.failedAtMs.filter((atMs) => nowMs - atMs < settings.windowMs);
      const failedAtMs = [...recent, nowMs];
      return failedAtMs.length >= settings.failures
        ? { kind: "open", openedAtMs: nowMs }
        : { kind: "closed", failedAtMs };
    }
  }
}

/** A probe that told nothing gives its slot back: the next call may probe at once, so that nobody can sit on it. */
export function handBackProbe(circuit: Circuit, settings: BreakerSettings, nowMs: number): Circuit {
  return circuit.kind === "half-open"
    ? { kind: "open", openedAtMs: nowMs - settings.cooldownMs }
    : circuit;
}

/** A clock that stepped back by more than a cool-down counts as one that passed, or the circuit would wait it out. */
function cooldownLeftMs(sinceMs: number, settings: BreakerSettings, nowMs: number): number {
  const passedMs = nowMs - sinceMs;
  return Math.abs(passedMs) >= settings.cooldownMs ? 0 : settings.cooldownMs - passedMs;
}
