// Watches a ledger's turns with a second ledger beside it that is as naive as can be: a list of calls, whose sums are taken
// anew each time. Whatever the two do not agree on is a broken promise.
import type { HoldRequest, Offer } from "../../policies/account.ts";
import { DIMENSIONS, minus, NOTHING, plus, type Amounts } from "../../policies/ledger/amounts.ts";
import type { Limit, Window } from "../../policies/ledger/limit.ts";
import { windowKey } from "../../policies/ledger/window.ts";
import { heldFor, type Knowledge } from "./owed.ts";

/** How long what is left of an expired hold of a hard limit stays held. */
const SUSPENSE_MS = 600_000;

export interface WatchedCall {
  readonly request: HoldRequest;
  readonly offer: Offer;
  readonly atMs: number;
  readonly capTokens: number;
  readonly firstHeldTokens: number;
  /** Windows of the calendars before, as they were when it was held. */
  readonly before: readonly Before[];
  /** Names of the buckets that it counts in. */
  readonly buckets: ReadonlySet<string>;
  readonly refunds: Map<string, { readonly tokens: number; readonly nanos: number }>;
  state: "open" | "suspended" | "expired" | "settled" | "released";
  heldOutputTokens: number;
  seenOutputTokens: number;
  seenAtMs: number;
  dueAtMs: number;
  held: Amounts;
  charged: Amounts;
  chargedOutputTokens: number;
  over: Amounts;
}

interface Sums {
  spent: Amounts;
  held: Amounts;
  over: Amounts;
}

const EMPTY: Sums = { spent: NOTHING, held: NOTHING, over: NOTHING };

/** A window of the calendar before an edit of the zone. */
export interface Before {
  readonly window: Window;
  readonly key: string;
}

export class Witness {
  /** When each zone was last held in. */
  readonly #zones = new Map<string, number>();
  readonly calls = new Map<string, WatchedCall>();
  /** The highest limit that a call of the bucket was admitted under; none where one was admitted under none. */
  readonly ceilings = new Map<string, Amounts>();
  #sums: Map<string, Sums> | null = null;

  open(
    request: HoldRequest,
    offer: Offer,
    capTokens: number,
    heldTokens: number,
    atMs: number,
  ): WatchedCall {
    const before = this.before(request, atMs);
    this.#zones.set(request.zone, atMs);
    const call: WatchedCall = {
      request,
      offer,
      atMs,
      capTokens,
      firstHeldTokens: heldTokens,
      before,
      buckets: bucketsOf(request, before, atMs),
      refunds: new Map(),
      state: "open",
      heldOutputTokens: heldTokens,
      seenOutputTokens: 0,
      seenAtMs: atMs,
      dueAtMs: atMs + request.ttlMs,
      held: heldFor(offer, request.requests, heldTokens),
      charged: NOTHING,
      chargedOutputTokens: 0,
      over: NOTHING,
    };
    this.calls.set(request.callId, call);
    this.#raiseCeilings(request, before, atMs);
    this.#sums = null;
    return call;
  }

  /**
   * An edit of the zone resets nothing: each zone's last window counts on while it is open, and while the new calendar
   * still is in the window of the same name, or of one before.
   */
  before(request: HoldRequest, atMs: number): Before[] {
    return [...this.#zones].flatMap(([zone, usedAtMs]) =>
      zone === request.zone
        ? []
        : (["hour", "day", "month"] as const).flatMap((window): Before[] => {
            const key = windowKey(window, zone, usedAtMs);
            const now = windowKey(window, request.zone, atMs);
            const isOpen = windowKey(window, zone, atMs) === key;
            const isNamedSo = plainName(now) <= plainName(key);
            return key !== now && (isOpen || isNamedSo) ? [{ window, key }] : [];
          }),
    );
  }

  #raiseCeilings(request: HoldRequest, before: readonly Before[], atMs: number): void {
    for (const { scope, limits } of request.scopes) {
      for (const [window, name] of namesOf(scope, limits, request, before, atMs)) {
        const ceiling = { ...(this.ceilings.get(name) ?? NOTHING) };
        for (const dimension of DIMENSIONS) {
          const own = limits.find((one) => one.window === window && one.dimension === dimension);
          ceiling[dimension] = Math.max(ceiling[dimension], own?.limit ?? Number.POSITIVE_INFINITY);
        }
        this.ceilings.set(name, ceiling);
      }
    }
  }

  grow(call: WatchedCall, heldTokens: number): void {
    call.heldOutputTokens = heldTokens;
    call.held = heldFor(call.offer, call.request.requests, heldTokens);
    this.#sums = null;
  }

  renew(call: WatchedCall, seenTokens: number, ttlMs: number, nowMs: number): void {
    call.seenOutputTokens = Math.max(call.seenOutputTokens, seenTokens);
    call.seenAtMs = nowMs;
    call.dueAtMs = Math.max(call.dueAtMs, nowMs + ttlMs);
  }

  /** Ends a call in any way; what its hold does not cover of a raised charge is over. */
  end(
    call: WatchedCall,
    state: WatchedCall["state"],
    charged: Amounts,
    outputTokens: number,
    nowMs: number,
  ): void {
    const raised = map(minus(charged, call.charged), (units) => Math.max(0, units));
    const uncovered = map(minus(raised, call.held), (units) => Math.max(0, units));
    call.over = plus(call.over, uncovered);
    call.charged = charged;
    call.chargedOutputTokens = outputTokens;
    call.state = state;
    const rest = map(minus(call.held, raised), (units) => Math.max(0, units));
    call.held = state === "suspended" ? { ...rest, concurrency: 0 } : NOTHING;
    call.dueAtMs = state === "suspended" ? nowMs + SUSPENSE_MS : Number.POSITIVE_INFINITY;
    this.#sums = null;
  }

  lapse(call: WatchedCall): void {
    call.state = "expired";
    call.held = NOTHING;
    call.dueAtMs = Number.POSITIVE_INFINITY;
    this.#sums = null;
  }

  refund(call: WatchedCall, refundId: string, tokens: number, nanos: number): void {
    call.refunds.set(refundId, { tokens, nanos });
    this.#sums = null;
  }

  /** Due calls, the longest due first; of those that are due at the same time the elder first. */
  due(nowMs: number): WatchedCall[] {
    return [...this.calls.values()]
      .filter(({ dueAtMs }) => dueAtMs <= nowMs)
      .toSorted((a, b) => a.dueAtMs - b.dueAtMs);
  }

  sumsOf(bucket: string): Sums {
    return this.sums().get(bucket) ?? EMPTY;
  }

  sums(): ReadonlyMap<string, Sums> {
    if (this.#sums !== null) return this.#sums;
    const sums = new Map<string, Sums>();
    for (const call of this.calls.values()) {
      const spent = minus(call.charged, refundedOf(call));
      for (const name of call.buckets) {
        const sum = sums.get(name) ?? EMPTY;
        sums.set(name, {
          spent: plus(sum.spent, spent),
          held: call.held === NOTHING ? sum.held : plus(sum.held, call.held),
          over: call.over === NOTHING ? sum.over : plus(sum.over, call.over),
        });
      }
    }
    this.#sums = sums;
    return sums;
  }
}

export function refundedOf(call: WatchedCall): Amounts {
  if (call.refunds.size === 0) return NOTHING;
  let [tokens, nanos] = [0, 0];
  for (const refund of call.refunds.values()) {
    tokens += refund.tokens;
    nanos += refund.nanos;
  }
  return { ...NOTHING, tokens, nanos };
}

export function isHard({ request }: WatchedCall): boolean {
  return request.scopes.some(({ limits }) => limits.some(({ hard }) => hard));
}

export function knowledgeOf(call: WatchedCall, nowMs: number): Knowledge {
  const { heldOutputTokens, seenOutputTokens, seenAtMs } = call;
  return { heldOutputTokens, seenOutputTokens, unseenMs: nowMs - seenAtMs };
}

/** Each of a scope's buckets once, by its window. */
function namesOf(
  scope: string,
  limits: readonly Limit[],
  request: HoldRequest,
  before: readonly Before[],
  atMs: number,
): [Window, string][] {
  const windows = new Set<Window>(["day", "month", ...limits.map(({ window }) => window)]);
  return [...windows].flatMap((window) => {
    const own = bucketOf(scope, window, request, atMs);
    const names = before.flatMap((of) =>
      of.window === window ? [`${scope}|${window}|${of.key}`] : [],
    );
    return [...new Set(own === null ? names : [own, ...names])].map((name): [Window, string] => [
      window,
      name,
    ]);
  });
}

/** Without its zone. */
function plainName(key: string): string {
  return key.replace(/@.*$/, "");
}

/** Null for a window that this call does not count in. */
export function bucketOf(
  scope: string,
  window: Window,
  { zone, session }: HoldRequest,
  atMs: number,
): string | null {
  if (window === "minute") return null;
  const key = window === "session" ? session : windowKey(window, zone, atMs);
  return key === null ? null : `${scope}|${window}|${key}`;
}

function bucketsOf(request: HoldRequest, before: readonly Before[], atMs: number): Set<string> {
  return new Set(
    request.scopes.flatMap(({ scope, limits }) =>
      namesOf(scope, limits, request, before, atMs).map(([, name]) => name),
    ),
  );
}

function map(amounts: Amounts, of: (units: number) => number): Amounts {
  const mapped: Record<string, number> = {};
  for (const [dimension, units] of Object.entries(amounts)) mapped[dimension] = of(units);
  // Same keys as it was given.
  return mapped as Amounts;
}
