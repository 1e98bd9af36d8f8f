// Faults that gateways in the field have had (1.2), in the form that this ledger could have them. Of that table three are
// missing, which no core can have: a binding that is missing, a worker that never settles, and an early await.
import type { Mutant } from "./mutants.ts";

export const FIELD_MUTANTS: readonly Mutant[] = [
  {
    name: "countAfter",
    of: "LiteLLM #34732, #18730, #5783: checked before and counted after",
    file: "room.ts",
    find: "remaining: limit - spent - held,",
    replace: "remaining: limit - spent,",
  },
  {
    name: "neverGivenBack",
    of: "LiteLLM #27639, #29493, #28283: an exit path that keeps the hold",
    file: "state.ts",
    find: '    case "lapse":\n      if (call !== undefined) end(state, call, NOTHING, NOTHING, entry.atMs);',
    replace: '    case "lapse":\n      state.calls.delete(entry.callId);',
  },
  {
    name: "pinnedByCrash",
    of: "LiteLLM #30330: after a start nobody knows when its holds are due",
    file: "state.ts",
    find: "  state.nextDueMs = Math.min(state.nextDueMs, call.expiresAtMs);\n}\n\nfunction extend(",
    replace: "}\n\nfunction extend(",
  },
  {
    name: "cancelFree",
    of: "LiteLLM #30522: a call that was cancelled costs nothing",
    file: "charge.ts",
    find: '  if (sure === "exact") return chargeOf(hold, usage, "exact", null);',
    replace:
      '  if (sure === "exact" || reported.outputTokens === 0) return chargeOf(hold, usage, sure, anomaly);',
  },
  {
    name: "inputOnly",
    of: "LiteLLM #30522, #30630: a cancelled call pays its input and none of its output",
    file: "charge.ts",
    find: ": Math.max(usage.outputTokens, Math.min(seen.heldOutputTokens, unseen));",
    replace: ": usage.outputTokens;",
  },
  {
    name: "anomalyFree",
    of: "LiteLLM #30039: a usage that cannot be read ends the hold without a charge",
    file: "settle.ts",
    find: "    const charge = chargeFor(call.hold, seenOf(call, nowMs), usage, certainty);",
    replace:
      "    const read = chargeFor(call.hold, seenOf(call, nowMs), usage, certainty);\n    const charge = read.anomaly === null ? read : { ...read, charged: NOTHING };",
  },
  {
    name: "unjournaled",
    of: "LiteLLM #30684: a balance that no journal has",
    file: "extend.ts",
    find: '    entry: { op: "checkpoint", callId, atMs: nowMs, seenOutputTokens, ttlMs },',
    replace:
      "    entry: ((call.seenOutputTokens += seenOutputTokens), null) as CheckpointEntry | null,",
  },
  {
    name: "drift",
    of: "LiteLLM #36926, #40050, #30460: a counter drifts to twice what is real",
    file: "state.ts",
    find: "  const more = minus(held, call.held);",
    replace: "  const more = held;",
  },
  {
    name: "newcomersPass",
    of: "LiteLLM #40095: a scope's first requests pass its limit",
    file: "room.ts",
    find: "const bucket = state.buckets.get(bucketName(scope, window, key));\n  const spent",
    replace:
      "const bucket = state.buckets.get(bucketName(scope, window, key));\n  if (bucket === undefined) limit = 9e15;\n  const spent",
  },
  {
    name: "unseenInput",
    of: "LiteLLM #27001: input is not held",
    file: "charge.ts",
    find: "    tokens: inputTokens + outputTokens,\n    nanos: nanosOf([\n      [inputTokens, inputPriceMax(prices)],",
    replace: "    tokens: outputTokens,\n    nanos: nanosOf([\n      [0, inputPriceMax(prices)],",
  },
  {
    name: "plainPrice",
    of: "LiteLLM #40002: the hold knows nothing of dearer input",
    file: "charge.ts",
    find: "  return Math.max(\n    prices.inputNanosPerMtok,\n    prices.cachedInputNanosPerMtok,\n    prices.cacheWriteNanosPerMtok,\n  );",
    replace: "  return prices.inputNanosPerMtok;",
  },
  {
    name: "wholeHolds",
    of: "LiteLLM #38647: the worst case is held",
    file: "size.ts",
    find: "const heldOutputTokens = Math.min(cap, sliceOf(offer));",
    replace: "const heldOutputTokens = cap;",
  },
  {
    name: "fractions",
    of: "LiteLLM #38647: 25.000000000000004",
    file: "charge.ts",
    find: "return Math.ceil(sum / TOKENS_PER_PRICE);",
    replace: "return sum / TOKENS_PER_PRICE;",
  },
  {
    name: "twoChecks",
    of: "LiteLLM #27020, #27021: one check has <, the other <=",
    file: "extend.ts",
    find: "remaining: room.remaining + call.held[room.dimension] }",
    replace: "remaining: room.remaining + call.held[room.dimension] + 1 }",
  },
  {
    name: "extendFree",
    of: "LiteLLM #36592: one route does not carry the reservation",
    file: "state.ts",
    find: "  post(call.buckets, NOTHING, more, NOTHING);\n",
    replace: "",
  },
  {
    name: "freeBlocked",
    of: "LiteLLM #10973: what costs nothing is refused when the money is spent",
    file: "size.ts",
    find: "return need > 0 && need > room.remaining;",
    replace: "return need > room.remaining;",
  },
  {
    name: "wrongScope",
    of: "LiteLLM #14144: the refusal does not say which limit refuses",
    file: "size.ts",
    find: "const binding = hopeless ?? latest;",
    replace: "const binding = (hopeless ?? latest) && rooms[0];",
  },
  {
    name: "unlimitedBlocked",
    of: "LiteLLM #20615, #22726: a scope without a budget is refused",
    file: "size.ts",
    find: "  let cap = full;",
    replace: "  let cap = rooms.length === 0 ? 0 : full;",
  },
  {
    name: "refusalsCount",
    of: "Kong: refused requests count against the rate",
    file: "hold.ts",
    find: "    const { binding, reason, affordableTokens, waitMs } = fitted;",
    replace:
      "    const { binding, reason, affordableTokens, waitMs } = fitted;\n    for (const rate of state.rates.values()) rate.debt += 60_000;",
  },
];
