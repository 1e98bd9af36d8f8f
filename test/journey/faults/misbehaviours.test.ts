// Every misbehaviour of the simulated engine, streamed and whole: what the client sees, what the ledger writes, how
// the exchange with the engine ended, and that the gateway serves the next request as if nothing had been.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { misbehaviourNames, type MisbehaviourName } from "../../simulator/misbehaviour.ts";
import type { RecordedEnding } from "../../simulator/recorder.ts";
import {
  expectEachEndedOnce,
  startFaultGateway,
  throughSdk,
  until,
  type FaultGateway,
  type Outcome,
  type Seen,
} from "./fault-gateway.ts";

interface Expected {
  /** `whole` is a good answer. A code is the error's: before any content, or after `part` of it. */
  readonly sees: "whole" | { readonly code: string | null; readonly after: "nothing" | "part" };
  readonly status: number;
  /** Only a stream that the engine itself ended so may end in `[DONE]`. */
  readonly endsDone: boolean;
  readonly ending: "complete" | "upstream-broke" | "upstream-refused" | "cut-off";
  readonly certainty: "exact" | "at_least" | "unknown";
  readonly charge: "something" | "nothing";
  readonly engine: RecordedEnding;
}

const GOOD: Expected = {
  sees: "whole",
  status: 200,
  endsDone: true,
  ending: "complete",
  certainty: "exact",
  charge: "something",
  engine: "complete",
};
const GOOD_WHOLE: Expected = { ...GOOD, endsDone: false };

/** The engine said no before it began: a status, and nothing to pay. */
function refused(
  status: number,
  code: string | null,
  ending: Expected["ending"] = "upstream-broke",
): Expected {
  return {
    sees: { code, after: "nothing" },
    status,
    endsDone: false,
    ending,
    certainty: "exact",
    charge: "nothing",
    engine: "complete",
  };
}

/** The engine began and did not finish. */
function broke(
  status: number,
  code: string,
  after: "nothing" | "part",
  engine: RecordedEnding,
): Expected {
  return {
    sees: { code, after },
    status,
    endsDone: false,
    ending: "upstream-broke",
    certainty: after === "part" ? "at_least" : "unknown",
    charge: "something",
    engine,
  };
}

const EXPECTED: Readonly<Record<MisbehaviourName, readonly [stream: Expected, whole: Expected]>> = {
  "rate-limit": [
    refused(429, "upstream_rate_limited", "upstream-refused"),
    refused(429, "upstream_rate_limited", "upstream-refused"),
  ],
  "error-400": [refused(400, null, "upstream-refused"), refused(400, null, "upstream-refused")],
  "error-500": [refused(502, "upstream_error"), refused(502, "upstream_error")],
  "error-503": [refused(502, "upstream_error"), refused(502, "upstream_error")],
  "slow-first-byte": [GOOD, GOOD_WHOLE],
  // The stream's gate opens before its silence counts as a fault, so the error comes in band.
  silent: [
    broke(200, "upstream_timeout", "nothing", "client-left"),
    // Silent until the deadline, which a whole answer may be while it is written: no fault.
    { ...broke(504, "upstream_timeout", "nothing", "client-left"), ending: "cut-off" },
  ],
  stall: [
    broke(200, "upstream_timeout", "part", "client-left"),
    // Silent until the deadline, which a whole answer may be while it is written: no fault.
    { ...broke(504, "upstream_timeout", "nothing", "client-left"), ending: "cut-off" },
  ],
  cut: [broke(200, "upstream_cut", "part", "cut"), broke(502, "upstream_cut", "nothing", "cut")],
  // The engine knows this one only of streams.
  "cut-early": [broke(502, "upstream_cut", "nothing", "cut"), GOOD_WHOLE],
  "broken-json": [
    broke(200, "upstream_cut", "part", "complete"),
    broke(502, "upstream_error", "nothing", "complete"),
  ],
  "error-in-200": [refused(502, "upstream_error"), refused(502, "upstream_error")],
  "error-mid-stream": [
    broke(200, "upstream_error", "part", "complete"),
    broke(502, "upstream_cut", "nothing", "cut"),
  ],
  "no-usage": [
    { ...GOOD, certainty: "at_least" },
    { ...GOOD_WHOLE, certainty: "at_least" },
  ],
  "lying-usage": [GOOD, GOOD_WHOLE],
  "no-done": [{ ...GOOD, endsDone: false }, GOOD_WHOLE],
  "ignored-knobs": [GOOD, GOOD_WHOLE],
  "reasoning-content": [GOOD, GOOD_WHOLE],
  reasoning: [GOOD, GOOD_WHOLE],
  "think-tags": [GOOD, GOOD_WHOLE],
  "split-utf8": [GOOD, GOOD_WHOLE],
  "split-tags": [GOOD, GOOD_WHOLE],
  crlf: [GOOD, GOOD_WHOLE],
  comments: [GOOD, GOOD_WHOLE],
  "one-byte": [GOOD, GOOD_WHOLE],
};

/** Longer than the gate, shorter than the silence that counts as a fault. */
const SLOW_MS = 500;

let gateway: FaultGateway;

beforeAll(async () => {
  gateway = await startFaultGateway();
});

afterAll(() => gateway.dispose());

beforeEach(() => gateway.simulator.reset());

describe.each([
  { form: "a stream", isStream: true },
  { form: "a whole answer", isStream: false },
])("$form", ({ isStream }) => {
  test.each(misbehaviourNames)("under %s", async (name) => {
    const expected = EXPECTED[name][isStream ? 0 : 1];
    const order = name === "slow-first-byte" ? `${name}(${SLOW_MS})` : name;
    let seen: Seen | undefined;
    const rows = await gateway.journalOf(async () => {
      seen = await gateway.see({
        text: `What is 12 + 30 * 2 - 7? [[sim:${order}]]`,
        policy: "alone",
        isStream,
      });
    });
    if (seen === undefined) throw new Error("Nothing was seen.");

    expect(seen).toMatchObject({ status: expected.status, isCut: false });
    expectSeen(await throughSdk(seen, isStream), expected);
    expect(/^data: ?\[DONE\]$/m.test(seen.text)).toBe(expected.endsDone);

    expectEachEndedOnce(rows);
    expect(rows.at(-1)).toMatchObject({
      op: "settle",
      ending: expected.ending,
      certainty: expected.certainty,
    });
    const spent = rows.at(-1)?.spent.tokens ?? 0;
    expect(spent > 0 ? "something" : "nothing").toBe(expected.charge);

    expect(await engineEnding()).toBe(expected.engine);
    await gateway.expectHealthy();
  });
});

test("tells the client how long the engine wants to be left alone", async () => {
  const seen = await gateway.see({
    text: "Hello [[sim:rate-limit]]",
    policy: "alone",
    isStream: true,
  });
  expect(seen.headers.get("retry-after")).toBe("2");
  expect(seen.headers.get("x-should-retry")).toBeNull();
});

test("passes an engine's 400 in the engine's own words", async () => {
  const seen = await gateway.see({
    text: "Hello [[sim:error-400]]",
    policy: "alone",
    isStream: true,
  });
  expect(JSON.parse(seen.text)).toEqual({
    error: {
      message: "The request is not valid for this engine.",
      type: "invalid_request_error",
      param: null,
      code: null,
    },
  });
});

function expectSeen(outcome: Outcome, { sees }: Expected): void {
  if (sees === "whole") {
    expect(outcome).toMatchObject({ kind: "answer", finishReason: "stop" });
    expect(outcome.text).not.toBe("");
    return;
  }
  expect(outcome).toMatchObject({ kind: "error", code: sees.code });
  expect(outcome.text === "" ? "nothing" : "part").toBe(sees.after);
}

/** The engine learns a moment later that its client is gone. */
async function engineEnding(): Promise<RecordedEnding | undefined> {
  return until(
    () => gateway.simulator.requests.at(-1)?.ended,
    (ended) => ended !== "open",
  );
}
