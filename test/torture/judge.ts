// What an answer should have been, from the witness's point of view.
import type { HoldAnswer, HoldRequest, Settlement } from "../../policies/account.ts";
import { minus, NOTHING, type Amounts } from "../../policies/ledger/amounts.ts";
import type { Act, Turn } from "./ledger-model.ts";
import { heldFor, owedFor } from "./owed.ts";
import type { Watch } from "./watch.ts";
import { knowledgeOf, refundedOf, type WatchedCall } from "./witness.ts";
import { blocking, leastOf, roomsOf } from "./witnessed-rooms.ts";

/** A stream does not go on for less. */
const PIECE_TOKENS_MIN = 64;

export function judge(watch: Watch, act: Act, turn: Turn): void {
  switch (act.op) {
    case "hold":
      judgeHold(watch, act.request, turn);
      return;
    case "extend":
      judgeExtension(watch, act, turn);
      return;
    case "checkpoint": {
      const { callId, seenOutputTokens, ttlMs } = act.request;
      const call = watch.witness.calls.get(callId);
      if (expectEnded(watch, call, turn)) return;
      expectKind(watch, turn, "kept");
      if (call === undefined) return;
      watch.witness.renew(call, seenOutputTokens, ttlMs, turn.nowMs);
      const { answer } = turn;
      const isTold = answer.kind === "kept" && answer.expiresAtMs === call.dueAtMs;
      watch.promises.hold("due", isTold, () => JSON.stringify(answer));
      return;
    }
    case "settle":
      judgeSettlement(watch, act.request, turn);
      return;
    case "release": {
      const call = watch.witness.calls.get(act.callId);
      if (expectEnded(watch, call, turn)) return;
      expectKind(watch, turn, "released");
      if (call === undefined) return;
      watch.rates.settle(call, NOTHING, turn.nowMs);
      watch.witness.end(call, "released", NOTHING, 0, turn.nowMs);
      return;
    }
    case "refund":
      judgeRefund(watch, act, turn);
      return;
    case "sweep":
      expectKind(watch, turn, "swept");
  }
}

function judgeHold(watch: Watch, request: HoldRequest, turn: Turn): void {
  const { promises, witness } = watch;
  const answer = turn.answer as HoldAnswer;
  const known = witness.calls.get(request.callId);
  if (known !== undefined) {
    const isSame = plain(known.request) === plain(request);
    const isRight = isSame
      ? answer.kind === "held" &&
        answer.outputTokens === known.capTokens &&
        answer.heldOutputTokens === known.firstHeldTokens &&
        answer.rung === known.offer.rung
      : answer.kind === "mismatch";
    promises.hold("P7", isRight && turn.entry === null, () => JSON.stringify(turn));
    const expiresAtMs = known.atMs + request.ttlMs;
    if (answer.kind === "held")
      promises.hold("due", answer.expiresAtMs === expiresAtMs, () => JSON.stringify(answer));
    return;
  }
  const rooms = roomsOf(watch, request, witness.before(request, turn.nowMs), turn.nowMs);
  if (answer.kind === "refused") {
    const mayRefuse = (needs: Amounts): boolean =>
      watch.rates.mayRefuse(request, needs, turn.nowMs);
    const fitting = request.offers.find((offer) => {
      const needs = leastOf(offer, request);
      return blocking(rooms, needs).length === 0 && !mayRefuse(needs);
    });
    const isRate =
      answer.window === "minute" &&
      request.offers.some((offer) => mayRefuse(leastOf(offer, request)));
    promises.hold("fits", fitting === undefined, () => JSON.stringify({ answer, rooms }));
    const named = request.offers.some((offer) =>
      blocking(rooms, leastOf(offer, request)).some(
        ({ scope, dimension, window }) =>
          scope === answer.scope && dimension === answer.dimension && window === answer.window,
      ),
    );
    promises.hold("named", named || isRate, () => JSON.stringify({ answer, rooms }));
    promises.hold("P10", turn.entry === null, () => JSON.stringify(turn.entry));
    return;
  }
  promises.hold("fits", answer.kind === "held", () => answer.kind);
  if (answer.kind !== "held") return;
  const offer = request.offers.find(({ rung }) => rung === answer.rung);
  if (offer === undefined) throw new Error(`There is no rung ${answer.rung}.`);
  const { outputTokens, heldOutputTokens } = answer;
  const isSized =
    outputTokens >= Math.min(offer.outputTokensMin, offer.outputTokens) &&
    outputTokens <= offer.outputTokens &&
    heldOutputTokens === Math.min(outputTokens, Math.max(offer.sliceTokens, offer.outputTokensMin));
  promises.hold("fits", isSized, () => JSON.stringify({ answer, offer }));
  const expiresAtMs = turn.nowMs + request.ttlMs;
  promises.hold("due", answer.expiresAtMs === expiresAtMs, () => JSON.stringify(answer));
  const call = witness.open(request, offer, outputTokens, heldOutputTokens, turn.nowMs);
  watch.rates.take(call, call.held, turn.nowMs, promises);
  const burst = blocking(rooms, call.held);
  promises.hold("P1", burst.length === 0, () => JSON.stringify({ answer, burst }));
  for (const room of rooms) {
    const meter = answer.meters.find(
      ({ scope, dimension, window }) =>
        scope === room.scope && dimension === room.dimension && window === room.window,
    );
    // Of a limit that an edit of the zone gave several windows, the tightest is told.
    const least = Math.min(
      ...rooms
        .filter(
          ({ scope, dimension, window }) =>
            scope === room.scope && dimension === room.dimension && window === room.window,
        )
        .map(({ remaining }) => remaining),
    );
    const left = Math.max(0, least - call.held[room.dimension]);
    promises.hold("P14", meter?.remaining === left, () => JSON.stringify({ room, meter, left }));
  }
}

function judgeExtension(watch: Watch, { request }: Act & { op: "extend" }, turn: Turn): void {
  const { promises, witness } = watch;
  const { answer, entry, nowMs } = turn;
  const call = witness.calls.get(request.callId);
  if (expectEnded(watch, call, turn) || call === undefined) return;
  const wished = Math.min(request.outputTokens, call.capTokens);
  if (wished <= call.heldOutputTokens) {
    const isSame =
      answer.kind === "extended" &&
      answer.heldOutputTokens === call.heldOutputTokens &&
      answer.expiresAtMs === call.dueAtMs;
    promises.hold("P7", isSame && entry === null, () => JSON.stringify(turn));
    return;
  }
  const rooms = roomsOf(watch, call.request, call.before, call.atMs);
  const more = (outputTokens: number): Amounts =>
    minus(heldFor(call.offer, call.request.requests, outputTokens), call.held);
  const least = Math.min(wished, call.heldOutputTokens + PIECE_TOKENS_MIN);
  const blocked = blocking(rooms, more(least));
  if (answer.kind === "refused") {
    const isRate = watch.rates.mayRefuse(call.request, more(least), nowMs);
    promises.hold("fits", blocked.length > 0 || isRate, () => JSON.stringify({ answer, rooms }));
    promises.hold("P10", entry === null, () => JSON.stringify(entry));
    return;
  }
  promises.hold("fits", answer.kind === "extended", () => answer.kind);
  if (answer.kind !== "extended") return;
  const held = answer.heldOutputTokens;
  const isSized = held >= least && held <= wished;
  promises.hold("fits", isSized, () => JSON.stringify({ answer, least, wished }));
  const taken = more(held);
  const burst = blocking(rooms, taken);
  promises.hold("P1", burst.length === 0, () => JSON.stringify({ answer, burst }));
  if (held < wished) {
    const isTight =
      blocking(rooms, more(held + 1)).length > 0 ||
      watch.rates.mayRefuse(call.request, more(held + 1), nowMs);
    promises.hold("fits", isTight, () => JSON.stringify({ answer, wished, rooms }));
  }
  witness.grow(call, held);
  watch.rates.take(call, taken, nowMs, promises);
  witness.renew(call, request.seenOutputTokens, request.ttlMs, nowMs);
  promises.hold("due", answer.expiresAtMs === call.dueAtMs, () => JSON.stringify(answer));
}

function judgeSettlement(watch: Watch, settlement: Settlement, turn: Turn): void {
  const { promises, witness, rates } = watch;
  const { answer, entry, nowMs } = turn;
  const { usage, certainty } = settlement;
  const call = witness.calls.get(settlement.callId);
  const isLate = call?.state === "suspended" || call?.state === "expired";
  if (call === undefined || (call.state !== "open" && !isLate)) {
    expectEnded(watch, call, turn);
    return;
  }
  const { offer, request, chargedOutputTokens } = call;
  // What nobody saw was guessed at expiry, and is not guessed again.
  const seen = isLate
    ? {
        heldOutputTokens: chargedOutputTokens,
        seenOutputTokens: chargedOutputTokens,
        unseenMs: 0,
      }
    : knowledgeOf(call, nowMs);
  let owed = owedFor(offer, request.requests, seen, usage, certainty);
  const isNoHigher = isLate && owed.amounts.tokens <= call.charged.tokens;
  const isBlank = owed.certainty === "at_least" && usage.outputTokens === 0 && isNoHigher;
  if (isLate && (owed.certainty === "unknown" || isBlank)) {
    promises.hold("owed", answer.kind === "already" && entry === null, () => JSON.stringify(turn));
    return;
  }
  // A floor only raises what expiry has charged.
  if (owed.certainty === "at_least" && isNoHigher)
    owed = { ...owed, amounts: call.charged, outputTokens: chargedOutputTokens };
  let { amounts } = owed;
  // What was given back was posted; a correction does not unpost it.
  const refunded = refundedOf(call);
  amounts = {
    ...amounts,
    tokens: Math.max(amounts.tokens, refunded.tokens),
    nanos: Math.max(amounts.nanos, refunded.nanos),
  };
  if (owed.certainty !== "exact")
    promises.hold("P8", amounts.tokens > 0, () => JSON.stringify(turn));
  if (isLate) rates.raise(call, minus(amounts, call.charged), nowMs);
  else rates.settle(call, amounts, nowMs);
  const overBefore = call.over;
  witness.end(call, "settled", amounts, owed.outputTokens, nowMs);
  const isRight =
    answer.kind === "settled" &&
    answer.chargedTokens === amounts.tokens &&
    answer.chargedNanos === amounts.nanos &&
    answer.overTokens === call.over.tokens - overBefore.tokens &&
    entry !== null;
  promises.hold("owed", isRight, () => JSON.stringify({ turn, amounts }));
}

function judgeRefund(watch: Watch, { request }: Act & { op: "refund" }, turn: Turn): void {
  const { callId, refundId, tokens, nanos } = request;
  const call = watch.witness.calls.get(callId);
  if (call === undefined) return expectKind(watch, turn, "missing");
  if (call.state === "open" || call.state === "suspended") return expectKind(watch, turn, "open");
  const same = call.refunds.get(refundId);
  if (same !== undefined)
    return expectKind(
      watch,
      turn,
      same.tokens === tokens && same.nanos === nanos ? "refunded" : "mismatch",
    );
  const left = minus(call.charged, refundedOf(call));
  if (tokens > left.tokens || nanos > left.nanos) return expectKind(watch, turn, "too-much");
  watch.promises.hold("owed", turn.answer.kind === "refunded" && turn.entry !== null, () =>
    JSON.stringify(turn),
  );
  watch.witness.refund(call, refundId, tokens, nanos);
}

/** True when the call is not open, in which case the answer has to say so. */
function expectEnded({ promises }: Watch, call: WatchedCall | undefined, turn: Turn): boolean {
  if (call?.state === "open") return false;
  const { answer, entry } = turn;
  const state = call?.state === "suspended" ? "expired" : call?.state;
  const isRight =
    entry === null &&
    (state === undefined
      ? answer.kind === "missing"
      : answer.kind === "already" && answer.state === state);
  promises.hold("P7", isRight, () => `${JSON.stringify(turn)} of a call that is ${state}`);
  return true;
}

function expectKind({ promises }: Watch, turn: Turn, kind: string): void {
  const isRefused = kind !== "kept" && kind !== "released";
  const isRight = turn.answer.kind === kind && (!isRefused || turn.entry === null);
  promises.hold(isRefused ? "P10" : "owed", isRight, () => `${JSON.stringify(turn)}, not ${kind}`);
}

/** A request without its limits, which are the configuration's. */
function plain({ scopes, ...rest }: HoldRequest): string {
  return JSON.stringify({ ...rest, scopes: scopes.map(({ scope }) => scope) });
}
