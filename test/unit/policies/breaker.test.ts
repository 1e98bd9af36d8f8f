// The circuit as a state machine. A failing property prints its seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { askPermit, CLOSED, reportOutcome, type Circuit } from "../../../policies/breaker.ts";

const SETTINGS = { failures: 3, windowMs: 1_000, cooldownMs: 500 };

function failAt(...instants: number[]): Circuit {
  return instants.reduce<Circuit>(
    (circuit, nowMs) => reportOutcome(circuit, false, SETTINGS, nowMs),
    CLOSED,
  );
}

describe("a closed circuit", () => {
  it("opens at the failure that fills the window", () => {
    expect(failAt(0, 400).kind).toBe("closed");
    expect(failAt(0, 400, 999)).toEqual({ kind: "open", openedAtMs: 999 });
  });

  it("stays closed when the failures are spread wider than the window", () => {
    expect(failAt(0, 400, 1_000).kind).toBe("closed");
    expect(failAt(0, 600, 1_200, 1_800, 2_400).kind).toBe("closed");
  });

  it("permits every call and is left as it is by permits and successes", () => {
    const circuit = failAt(0, 400);
    const asked = askPermit(circuit, SETTINGS, 500);
    expect(asked.permit).toEqual({ state: "closed", permitted: true, retryInMs: 0 });
    expect(asked.circuit).toBe(circuit);
    expect(reportOutcome(circuit, true, SETTINGS, 500)).toBe(circuit);
  });
});

describe("an open circuit", () => {
  const open = failAt(0, 0, 0);

  it("permits nothing until the cool-down has passed, and says how long that is", () => {
    expect(askPermit(open, SETTINGS, 100).permit).toEqual({
      state: "open",
      permitted: false,
      retryInMs: 400,
    });
    expect(askPermit(open, SETTINGS, 499).permit.permitted).toBe(false);
    expect(askPermit(open, SETTINGS, 500).permit).toEqual({
      state: "half-open",
      permitted: true,
      retryInMs: 0,
    });
  });

  it("believes no report of a call that began before it opened", () => {
    expect(reportOutcome(open, true, SETTINGS, 100)).toBe(open);
    expect(reportOutcome(open, false, SETTINGS, 100)).toBe(open);
  });

  it("is not kept open by a clock that stepped back further than the cool-down", () => {
    expect(askPermit({ kind: "open", openedAtMs: 1_000_000 }, SETTINGS, 5).permit.permitted).toBe(
      true,
    );
    expect(askPermit({ kind: "open", openedAtMs: 100 }, SETTINGS, 50).permit.permitted).toBe(false);
  });
});

describe("a half-open circuit", () => {
  const halfOpen = askPermit(failAt(0, 0, 0), SETTINGS, 500).circuit;

  it("lets no second call through while the probe is out", () => {
    expect(halfOpen).toEqual({ kind: "half-open", probedAtMs: 500 });
    expect(askPermit(halfOpen, SETTINGS, 500).permit).toEqual({
      state: "half-open",
      permitted: false,
      retryInMs: 500,
    });
  });

  it("closes with a clean record when the probe succeeds", () => {
    expect(reportOutcome(halfOpen, true, SETTINGS, 600)).toEqual(CLOSED);
  });

  it("opens for another cool-down when the probe fails", () => {
    const reopened = reportOutcome(halfOpen, false, SETTINGS, 600);
    expect(askPermit(reopened, SETTINGS, 1_099).permit.permitted).toBe(false);
    expect(askPermit(reopened, SETTINGS, 1_100).permit.permitted).toBe(true);
  });

  it("frees the slot of a probe that is never reported", () => {
    expect(askPermit(halfOpen, SETTINGS, 999).permit.permitted).toBe(false);
    const again = askPermit(halfOpen, SETTINGS, 1_000);
    expect(again.permit.permitted).toBe(true);
    expect(askPermit(again.circuit, SETTINGS, 1_000).permit.permitted).toBe(false);
  });
});

describe("any sequence of permits and reports", () => {
  const step = fc.record({
    act: fc.constantFrom("permit", "ok", "fail"),
    passedMs: fc.integer({ min: 0, max: 400 }),
  });

  it("never lets two calls through within one cool-down unless the circuit is closed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        let circuit: Circuit = CLOSED;
        let nowMs = 0;
        let probedAtMs: number | null = null;
        for (const { act, passedMs } of steps) {
          nowMs += passedMs;
          if (act !== "permit") {
            circuit = reportOutcome(circuit, act === "ok", SETTINGS, nowMs);
            if (circuit.kind === "closed") probedAtMs = null;
            continue;
          }
          const asked = askPermit(circuit, SETTINGS, nowMs);
          circuit = asked.circuit;
          expect(asked.permit.permitted).toBe(asked.permit.retryInMs === 0);
          expect(asked.permit.retryInMs).toBeLessThanOrEqual(SETTINGS.cooldownMs);
          if (asked.permit.state === "closed" || !asked.permit.permitted) continue;
          if (probedAtMs !== null)
            expect(nowMs - probedAtMs).toBeGreaterThanOrEqual(SETTINGS.cooldownMs);
          probedAtMs = nowMs;
        }
      }),
    );
  });

  it("never keeps more failures than would open it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 40, size: "max" }),
        (gaps) => {
          let circuit: Circuit = CLOSED;
          let nowMs = 0;
          for (const gap of gaps) {
            nowMs += gap;
            circuit = reportOutcome(circuit, false, SETTINGS, nowMs);
            if (circuit.kind === "closed")
              expect(circuit.failedAtMs.length).toBeLessThan(SETTINGS.failures);
          }
        },
      ),
    );
  });
});
