// Decides whether a running call may write on: a hold that grows, and a hold that only lives on.
import type { Checkpoint, CheckpointAnswer, Ended, ExtendAnswer, Extension } from "../account.ts";
import { heldAmounts } from "./charge.ts";
import type { CheckpointEntry, ExtendEntry } from "./entry.ts";
import type { Decision } from "./hold.ts";
import { roomsFor, type Room } from "./room.ts";
import { affordableOutput } from "./size.ts";
import type { EndedCalls, LedgerState, OpenCall } from "./state.ts";

/** A smaller piece is no use to a stream: it ends instead. */
export const PIECE_TOKENS_MIN = 64;

/** Grows a hold to the wished output, or to what the limits that it was admitted under still afford. */
export function decideExtension(
  state: LedgerState,
  ended: EndedCalls,
  { callId, outputTokens, seenOutputTokens, ttlMs }: Extension,
  nowMs: number,
): Decision<ExtendAnswer, ExtendEntry> {
  const call = state.calls.get(callId);
  if (call === undefined || call.expired !== null)
    return { answer: notOpen(state, ended, callId), entry: null };
  const { hold, heldOutputTokens } = call;
  const wished = Math.min(outputTokens, hold.outputTokens);
  if (wished <= heldOutputTokens) {
    const isFinal = heldOutputTokens >= hold.outputTokens;
    const { expiresAtMs } = call;
    return { answer: { kind: "extended", heldOutputTokens, isFinal, expiresAtMs }, entry: null };
  }
  const whole = heldAmounts(hold, wished);
  // What it needs no more of cannot stop it, however much others have overrun that.
  const rooms = roomsFor(state, hold.path, hold.session, hold.older ?? [], hold.atMs, nowMs)
    .filter(({ dimension }) => whole[dimension] > call.held[dimension])
    .map((room) => ({ ...room, remaining: room.remaining + call.held[room.dimension] }));
  const affordable = affordableOutput(hold, wished, rooms);
  const least = Math.min(wished, heldOutputTokens + PIECE_TOKENS_MIN);
  // Of a budget that another ledger owns more may be lent, so that less than was wished is no last piece.
  const owned = rooms.filter(({ isLent }) => !isLent);
  const isUnlent = affordable < Math.min(wished, affordableOutput(hold, wished, owned));
  if (affordable < least) {
    const { scope, dimension, window } = bindingOf(call, least, rooms);
    const answer = { kind: "refused", scope, dimension, window } as const;
    return { answer: isUnlent ? { ...answer, isUnlent } : answer, entry: null };
  }
  return {
    answer: {
      kind: "extended",
      heldOutputTokens: affordable,
      isFinal: (affordable < wished && !isUnlent) || affordable >= hold.outputTokens,
      expiresAtMs: Math.max(call.expiresAtMs, nowMs + ttlMs),
    },
    entry: {
      op: "extend",
      callId,
      atMs: nowMs,
      heldOutputTokens: affordable,
      seenOutputTokens,
      ttlMs,
    },
  };
}

/** Renews a hold that does not grow, and keeps what was seen of the answer. */
export function decideCheckpoint(
  state: LedgerState,
  ended: EndedCalls,
  { callId, seenOutputTokens, ttlMs }: Checkpoint,
  nowMs: number,
): Decision<CheckpointAnswer, CheckpointEntry> {
  const call = state.calls.get(callId);
  if (call === undefined || call.expired !== null)
    return { answer: notOpen(state, ended, callId), entry: null };
  return {
    answer: { kind: "kept", expiresAtMs: Math.max(call.expiresAtMs, nowMs + ttlMs) },
    entry: { op: "checkpoint", callId, atMs: nowMs, seenOutputTokens, ttlMs },
  };
}

/** How a call ended that is not open any more. */
export function notOpen(
  state: LedgerState,
  ended: EndedCalls,
  callId: string,
): Ended | { readonly kind: "missing" } {
  if (state.calls.get(callId)?.expired != null) return { kind: "already", state: "expired" };
  const end = ended.find(callId)?.end;
  if (end === undefined) return { kind: "missing" };
  switch (end.op) {
    case "settle":
    case "adjust":
      return { kind: "already", state: "settled" };
    case "release":
      return { kind: "already", state: "released" };
    case "expire":
      return { kind: "already", state: "expired" };
  }
}

/** The tightest of the rooms that do not hold so much output. */
function bindingOf(call: OpenCall, outputTokens: number, rooms: readonly Room[]): Room {
  const needs = heldAmounts(call.hold, outputTokens);
  const [tightest] = rooms
    .filter(({ dimension, remaining }) => needs[dimension] > remaining)
    .toSorted((a, b) => a.remaining - needs[a.dimension] - (b.remaining - needs[b.dimension]));
  if (tightest === undefined)
    throw new Error("An extension was refused although no limit blocks it.");
  return tightest;
}
