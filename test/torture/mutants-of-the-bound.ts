// Faults of the rules themselves: the eleven that the model of the bound was tried with (1.7), those that break another rule
// of the specification, and those that the search has found in this ledger.
import type { Mutant } from "./mutants.ts";

export const BOUND_MUTANTS: readonly Mutant[] = [
  {
    name: "noDedupe",
    of: "1.7: the same call id holds again",
    file: "hold.ts",
    find: "if (known !== null) {",
    replace: "if (known !== null && known.hold.fingerprint !== fingerprint) {",
  },
  {
    name: "doubleSettle",
    of: "1.7: a settled call settles again",
    file: "settle.ts",
    find: 'hold === undefined || expiry.op !== "expire")',
    replace: 'hold === undefined || expiry.op === "release")',
  },
  {
    name: "leafOnly",
    of: "1.7: only the narrowest scope is checked",
    file: "room.ts",
    find: "return scopes.flatMap(({ scope, limits",
    replace: "return scopes.slice(-1).flatMap(({ scope, limits",
  },
  {
    name: "offByOne",
    of: "1.7: one more than the limit fits",
    file: "room.ts",
    find: "remaining: limit - spent - held,",
    replace: "remaining: limit - spent - held + 1,",
  },
  {
    name: "partial",
    of: "1.7: only some of the scopes are charged",
    file: "state.ts",
    find: "  return scopes.flatMap(({ scope, limits }) =>\n    [...windowsOf",
    replace: "  return scopes.slice(0, 1).flatMap(({ scope, limits }) =>\n    [...windowsOf",
  },
  {
    name: "noSweep",
    of: "1.7: holds that nobody ended stay",
    file: "sweep.ts",
    find: "if (nowMs < state.nextDueMs) return [];",
    replace: "if (nowMs >= 0) return [];",
  },
  {
    name: "expireFree",
    of: "1.7: expiry charges nothing",
    file: "sweep.ts",
    find: "    ...charge,\n  };",
    replace: "    ...charge,\n    charged: { ...charge.charged, tokens: 0, nanos: 0 },\n  };",
  },
  {
    name: "resetWindow",
    of: "1.7 and LiteLLM #30330: what ends in the next window counts there",
    file: "state.ts",
    find: "  post(call.buckets, charged, minus(NOTHING, call.held), over);",
    replace:
      "  post(bucketsOf(state, { ...call.hold, atMs }), charged, minus(NOTHING, call.held), over);",
  },
  {
    name: "lateRelease",
    of: "1.7: an expired call's hold is given back a second time",
    file: "state.ts",
    find: "else post(bucketsOf(state, holdOf(ended, entry.callId)), difference, NOTHING, entry.over);",
    replace:
      "else post(bucketsOf(state, holdOf(ended, entry.callId)), difference, minus(NOTHING, entry.charged), entry.over);",
  },
  {
    name: "voidForget",
    of: "1.7: a released call keeps its hold",
    file: "state.ts",
    find: '      if (call !== undefined) end(state, call, NOTHING, NOTHING, entry.atMs);\n      return;\n    case "settle":',
    replace: '      state.calls.delete(entry.callId);\n      return;\n    case "settle":',
  },
  {
    name: "lateUncounted",
    of: "1.7: what a late correction raises is not counted as over",
    file: "settle.ts",
    find: "const over = overOf(above(charged, expiry.charged), reserved);",
    replace: "const over = NOTHING;",
  },
  {
    name: "suspenseGivenBack",
    of: "1.7 (ii): what an expiry leaves of a hard limit is free at once, and the late figure has no room",
    file: "state.ts",
    find: "  call.held = rest;\n  call.expired = entry;",
    replace:
      "  post(call.buckets, NOTHING, minus(NOTHING, rest), NOTHING);\n  call.held = NOTHING;\n  call.expired = entry;",
  },
  {
    name: "inexactMoney",
    of: "1.3: products beyond 2^53 are not exact",
    file: "charge.ts",
    find: "if (sum <= Number.MAX_SAFE_INTEGER) return",
    replace: "if (sum >= 0) return",
  },
  {
    name: "allGivenBack",
    of: "1.4: a rate gives back what has drained since",
    file: "rate.ts",
    find: "const given = Math.min(units * MINUTE_MS, low);",
    replace: "const given = Math.min(units * MINUTE_MS, bucket.debt);",
  },
  {
    name: "everyZoneUtc",
    of: "1.4: windows turn by UTC",
    file: "state.ts",
    find: "return windowKey(window, zone, atMs);",
    replace: 'return windowKey(window, "UTC", atMs);',
  },
  {
    name: "refundTwice",
    of: "1.5: a refund that comes again is a second one",
    file: "settle.ts",
    find: "  if (same !== undefined) {",
    replace: "  if (same !== undefined && same.amounts.tokens !== tokens) {",
  },
  {
    name: "refundedCorrected",
    of: "found here: a correction credits what was refunded before",
    file: "settle.ts",
    find: "const charged = combine(raised.charged, refunded, Math.max);",
    replace: "const { charged } = raised;",
  },
  {
    name: "overdrawnStops",
    of: "found here: an overrun of input stops the output of others",
    file: "extend.ts",
    find: ".filter(({ dimension }) => whole[dimension] > call.held[dimension])",
    replace: ".filter(({ dimension }) => whole[dimension] >= 0)",
  },
  {
    name: "lookingMakesMeters",
    of: "found here: a refusal leaves a meter behind",
    file: "room.ts",
    find: "state.rates.get(rateName(scope, dimension)) ?? emptyRate();",
    replace:
      "state.rates.get(rateName(scope, dimension)) ?? emptyRate();\n  state.rates.set(rateName(scope, dimension), rate);",
  },
  {
    name: "clockBackEarlier",
    of: "1.4: the clock goes back",
    file: "state.ts",
    find: "  state.atMs = Math.max(state.atMs, entry.atMs);\n  if",
    replace: "  if",
  },
];
