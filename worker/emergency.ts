// What may be spent while a ledger cannot be asked, where all limits are soft: little, and counted in this isolate alone.
// In any day an isolate lets through at most ALLOWED_SHARE of what each limit allows in a day, or the least below; so all
// of them together overspend by no more than isolates x that, however many users or keys they come from. Plain data,
// shared by the isolate's requests.
import type { Hold, HoldRequest, Offer, Usage } from "../policies/account.ts";
import type { Amounts, Dimension } from "../policies/ledger/amounts.ts";
import { costOf } from "../policies/ledger/charge.ts";
import type { Limit, Window } from "../policies/ledger/limit.ts";
import { add, giveBack, roomIn, type Pin, type RateBucket } from "../policies/ledger/rate.ts";
import type { Room } from "../policies/ledger/room.ts";
import { fit } from "../policies/ledger/size.ts";
import {
  keepMeter,
  meterOf,
  newMeterMemory,
  type MeterMemory,
  type MeterName,
} from "./emergency-meters.ts";

const ALLOWED_SHARE = 0.001;
/** Where that share is less than one ordinary answer, as much as this, and never more than the day's whole limit. */
const ALLOWED_MIN: Readonly<Record<Dimension, number>> = {
  requests: 2,
  tokens: 4096,
  nanos: 10_000_000,
  uncachedInputTokens: 4096,
  cachedInputTokens: 4096,
  cacheWriteTokens: 4096,
  visibleOutputTokens: 4096,
  reasoningTokens: 4096,
  concurrency: 0,
};
/** Whoever the ledger refused so shortly ago is refused without it too: what was used up is used up. */
const DENIED_MS = 300_000;
/** An isolate sees few tenants at a time. Without its note one is bounded by its meters alone. */
const DENIED_MAX = 10_000;

/** A lifetime counts as a month: nobody knows how long it lasts. */
const DAYS_IN_WINDOW: Readonly<Record<Window, number>> = {
  minute: 1 / 1440,
  hour: 1 / 24,
  day: 1,
  month: 31,
  lifetime: 31,
  session: 1,
};

const MINUTES_PER_DAY = 1440;
/** Counted in millionths of a dollar, so that a rate of money stays exact. */
const NANOS_PER_UNIT = 1000;
/** A rate of this much a day is exact to the last unit. */
const UNITS_PER_DAY_MAX = 50_000_000;

export interface EmergencyMemory {
  readonly meters: MeterMemory;
  /** When the ledger last said no, by tenant; from the longest ago to the latest. */
  readonly denied: Map<string, number>;
}

export function newEmergencyMemory(): EmergencyMemory {
  return { meters: newMeterMemory(), denied: new Map() };
}

/** A hold that no ledger gave. */
export interface EmergencyHold {
  readonly hold: Hold;
  readonly offer: Offer;
  /** Returns to the allowance what the call did not use. */
  readonly giveBack: (usage: Usage) => void;
}

export class Emergency {
  readonly #memory: EmergencyMemory;
  readonly #now: () => number;

  constructor(memory: EmergencyMemory, now: () => number) {
    this.#memory = memory;
    this.#now = now;
  }

  /** The ledger has said no to this tenant, or this allowance has. */
  deny(tenantId: string): void {
    const { denied } = this.#memory;
    denied.delete(tenantId);
    if (denied.size >= DENIED_MAX) {
      const [eldest] = denied.keys();
      if (eldest !== undefined) denied.delete(eldest);
    }
    denied.set(tenantId, this.#now());
  }

  /** Null when one of the limits is hard, the tenant was refused of late, or the allowance has no room. */
  admit(tenantId: string, request: HoldRequest): EmergencyHold | null {
    const nowMs = this.#now();
    if (request.scopes.some(({ limits }) => limits.some(({ hard }) => hard))) return null;
    if (nowMs - (this.#memory.denied.get(tenantId) ?? -Infinity) < DENIED_MS) return null;
    const allowances = request.scopes.flatMap(({ scope, limits }) =>
      limits
        .filter(({ dimension }) => dimension !== "concurrency")
        .map((limit) => this.#allowanceOf(tenantId, scope, limit, nowMs)),
    );
    const rooms = allowances.map(({ room }) => room);
    // Whole: nobody could be asked for more.
    const offers = request.offers.map((offer) => ({ ...offer, sliceTokens: offer.outputTokens }));
    const fitted = fit(offers, rooms, request.requests);
    if (fitted.kind === "refused") {
      this.deny(tenantId);
      return null;
    }
    const { offer, outputTokens, needs } = fitted;
    // Beyond what can be counted nothing passes; that is no word about this tenant's budget.
    if (!allowances.every((allowance) => this.#keep(allowance, nowMs))) return null;
    const taken = allowances.map((allowance) => take(allowance, needs, nowMs));
    const hold: Hold = {
      kind: "held",
      callId: request.callId,
      rung: offer.rung,
      outputTokens,
      heldOutputTokens: outputTokens,
      heldTokens: needs.tokens,
      heldNanos: needs.nanos,
      expiresAtMs: nowMs + request.ttlMs,
      lambda: 0,
      meters: [],
    };
    return {
      hold,
      offer,
      giveBack: (usage) => {
        const used = usedOf(usage, offer);
        for (const one of taken) returnUnused(one, used, this.#now());
      },
    };
  }

  /** Half may come at once and half in the course of a day, so that no 24 hours see more than the whole. */
  #allowanceOf(tenantId: string, scope: string, limit: Limit, nowMs: number): Allowance {
    const { dimension, window } = limit;
    const perDay = limit.limit / DAYS_IN_WINDOW[window];
    const allowed = Math.min(perDay, Math.max(perDay * ALLOWED_SHARE, ALLOWED_MIN[dimension]));
    const unit = dimension === "nanos" ? NANOS_PER_UNIT : 1;
    const half = Math.min(UNITS_PER_DAY_MAX, Math.floor(allowed / unit / 2));
    const name = { tenantId, scope, limit: `${dimension}|${window}` };
    const rate = meterOf(this.#memory.meters, name);
    const left = half === 0 ? 0 : roomIn(rate, half, half * MINUTES_PER_DAY, nowMs);
    const room: Room = {
      scope,
      dimension,
      window: "day",
      limit: half * unit,
      atOnce: half * unit,
      isLent: false,
      remaining: Math.max(0, Math.floor(left / MINUTES_PER_DAY)) * unit,
      held: 0,
      resetAtMs: null,
      waitMs: null,
    };
    return { name, room, rate, perDay: half, unit };
  }

  #keep({ name, rate, perDay }: Allowance, nowMs: number): boolean {
    return keepMeter(this.#memory.meters, name, rate, Math.max(1, perDay), nowMs);
  }
}

interface Allowance {
  readonly name: MeterName;
  readonly room: Room;
  readonly rate: RateBucket;
  /** In units of `unit`. A rate knows minutes, so each counts as so many as a day has minutes. */
  readonly perDay: number;
  readonly unit: number;
}

interface Taken extends Allowance {
  readonly pin: Pin;
  readonly amount: number;
}

function take(allowance: Allowance, needs: Amounts, nowMs: number): Taken {
  const { room, rate, perDay, unit } = allowance;
  const amount = Math.ceil(needs[room.dimension] / unit);
  return {
    ...allowance,
    amount,
    pin: add(rate, Math.max(1, perDay), amount * MINUTES_PER_DAY, nowMs),
  };
}

function returnUnused({ room, rate, perDay, unit, pin, amount }: Taken, used: Used, nowMs: number) {
  const spent = used[room.dimension];
  if (spent === undefined) return;
  const unused = Math.max(0, amount - Math.ceil(spent / unit));
  giveBack(rate, Math.max(1, perDay), pin, unused * MINUTES_PER_DAY, nowMs);
}

type Used = Partial<Record<Dimension, number>>;

function usedOf(usage: Usage, offer: Offer): Used {
  return { tokens: usage.inputTokens + usage.outputTokens, nanos: costOf(usage, offer) };
}
