// Performs operations on a ledger under a witness's eyes: each turn is compared with what the rules say, and then every
// balance with the sum of the calls.
import { DIMENSIONS, NOTHING, type Amounts } from "../../policies/ledger/amounts.ts";
import type { CallEntry, ExpireEntry, SettleEntry } from "../../policies/ledger/entry.ts";
import type { Core } from "./core.ts";
import { judge } from "./judge.ts";
import { LedgerModel, SWEEP_MAX, type Act, type Snapshot, type Turn } from "./ledger-model.ts";
import { owedFor } from "./owed.ts";
import { Promises } from "./promises.ts";
import { RateWitness } from "./rate-witness.ts";
import { isHard, knowledgeOf, Witness } from "./witness.ts";

/** Longer than any hold's life and the suspense after it, for calls that end by themselves. */
const QUIET_MS = 24 * 3_600_000;

export class Watch {
  readonly model: LedgerModel;
  readonly witness = new Witness();
  readonly rates = new RateWitness();
  readonly promises: Promises;
  #ops = 0;
  /** Of the last entry. */
  #nowMs = 0;

  constructor(core: Core, promises = new Promises()) {
    this.model = new LedgerModel(core);
    this.promises = promises;
  }

  /** Turns that were performed. */
  get ops(): number {
    return this.#ops;
  }

  perform(act: Act, clockMs: number): Turn {
    this.#ops += 1;
    const { model } = this;
    const ratesBefore = JSON.stringify([...model.state.rates]);
    const heldBefore = new Map([...model.state.calls].map(([callId, { held }]) => [callId, held]));
    const turn = model.turn(act, clockMs);
    this.promises.hold("clock", turn.nowMs >= this.#nowMs, () => `${turn.nowMs} < ${this.#nowMs}`);
    if (turn.entry !== null || turn.swept.length > 0) this.#nowMs = turn.nowMs;
    for (const entry of [...turn.swept, ...(turn.entry === null ? [] : [turn.entry])])
      if (entry.op === "settle" || entry.op === "expire") this.#balance(entry, heldBefore);
    this.#follow(turn);
    judge(this, act, turn);
    if (turn.entry === null) {
      // What a turn sweeps is not the operation's doing, and gives back to rates.
      const isSame =
        turn.swept.length > 0 || ratesBefore === JSON.stringify([...model.state.rates]);
      this.promises.hold("P10", isSame, () => `${act.op} was ${turn.answer.kind}, rates changed`);
    } else this.#weigh(turn.entry);
    this.#compare();
    return turn;
  }

  /** The object dies and wakes: with what it had in its journal, and perhaps a snapshot of it. */
  crash(snapshot: Snapshot | null): void {
    const before = textOf(this.model);
    this.model.rebuild(snapshot);
    const after = textOf(this.model);
    this.promises.hold("P2", before === after, () => `was ${before}, is ${after}`);
    this.#compare();
  }

  /** Every hold has its time; then nothing may be held. Sweeps are all that comes. */
  quiesce(clockMs: number): number {
    let nowMs = Math.max(clockMs, this.model.state.atMs);
    for (let round = 0; round < 3; round += 1) {
      nowMs += QUIET_MS;
      const turns = Math.ceil(this.model.state.calls.size / SWEEP_MAX) + 1;
      for (let turn = 0; turn < turns; turn += 1) this.perform({ op: "sweep" }, nowMs);
    }
    const held = [...this.model.state.buckets.values()].filter((bucket) =>
      DIMENSIONS.some((dimension) => bucket.held[dimension] !== 0),
    );
    const { size } = this.model.state.calls;
    this.promises.hold("P6", held.length === 0 && size === 0, () => JSON.stringify({ held, size }));
    return nowMs;
  }

  /** The witness's own reckoning of the holds that were due. */
  #follow({ swept, nowMs }: Turn): void {
    const due = this.witness.due(nowMs).slice(0, SWEEP_MAX);
    const ids = due.map(({ request }) => request.callId);
    const sweptIds = swept.map(({ callId }) => callId);
    this.promises.hold(
      "due",
      ids.toString() === sweptIds.toString(),
      () => `${ids.join()}, not ${sweptIds.join()}`,
    );
    due.forEach((call, index) => {
      const entry = swept[index];
      if (entry === undefined) return;
      this.#weigh(entry);
      if (call.state === "suspended") {
        this.promises.hold("due", entry.op === "lapse", () => `${entry.op} of a suspended call`);
        this.witness.lapse(call);
        return;
      }
      const { offer, request } = call;
      const usage = {
        inputTokens: 0,
        cachedTokens: 0,
        cacheWriteTokens: 0,
        outputTokens: 0,
        reasoningTokens: 0,
      };
      const seen = knowledgeOf(call, call.dueAtMs);
      const owed = owedFor(offer, request.requests, seen, usage, "unknown");
      this.promises.hold("P8", owed.amounts.tokens > 0, () => request.callId);
      this.rates.settle(call, owed.amounts, nowMs);
      this.witness.end(
        call,
        isHard(call) ? "suspended" : "expired",
        owed.amounts,
        owed.outputTokens,
        nowMs,
      );
      if (!isHard(call)) this.witness.lapse(call);
    });
  }

  /** What was held and what went over it is what is charged and what comes back, which is nothing or more. */
  #balance(entry: SettleEntry | ExpireEntry, heldBefore: ReadonlyMap<string, Amounts>): void {
    const held = heldBefore.get(entry.callId) ?? NOTHING;
    for (const of of DIMENSIONS) {
      const released = held[of] + entry.over[of] - entry.charged[of];
      const isLeast = entry.over[of] === 0 || released === 0;
      this.promises.hold("P4", released >= 0 && isLeast, () => JSON.stringify({ held, entry }));
    }
  }

  /** Every number that is written is whole. */
  #weigh(entry: CallEntry): void {
    this.promises.hold("P15", areWhole(entry), () => JSON.stringify(entry));
  }

  #compare(): void {
    const { buckets } = this.model.state;
    const sums = this.witness.sums();
    for (const [name, sum] of sums) {
      const bucket = buckets.get(name);
      const ceiling = this.witness.ceilings.get(name);
      for (const dimension of DIMENSIONS) {
        const spent = bucket?.spent[dimension] ?? 0;
        const held = bucket?.held[dimension] ?? 0;
        const over = bucket?.over[dimension] ?? 0;
        const say = (): string =>
          `${name} ${dimension}: spent ${spent} held ${held} over ${over}, calls say ` +
          `${sum.spent[dimension]}, ${sum.held[dimension]}, ${sum.over[dimension]}`;
        if (held !== sum.held[dimension]) this.promises.hold("P3", false, say);
        if (spent < 0 || held < 0 || over < 0) this.promises.hold("P9", false, say);
        if (!Number.isInteger(spent) || !Number.isInteger(held))
          this.promises.hold("P15", false, say);
        if (spent !== sum.spent[dimension]) this.promises.hold("P11", false, say);
        const most = ceiling?.[dimension] ?? 0;
        if (spent + held - over > most)
          this.promises.hold("P1", false, () => `${say()}, of ${most}`);
        if (over !== sum.over[dimension]) this.promises.hold("P4", false, say);
      }
    }
    for (const promise of ["P3", "P4", "P9", "P11"] as const)
      this.promises.hold(promise, true, String);
    for (const [name, bucket] of buckets) {
      const { spent, held } = bucket;
      const isEmpty = DIMENSIONS.every((of) => spent[of] === 0 && held[of] === 0);
      this.promises.hold("P11", isEmpty || sums.has(name), () => `${name} has no call`);
    }
    this.#compareParts();
  }

  /** Every call here has one tenant and one key. */
  #compareParts(): void {
    const sums = new Map<string, number>();
    for (const { scope, window, key, spent } of this.model.state.buckets.values()) {
      if (window !== "day" && window !== "month") continue;
      const sign = scope === "tenant" ? 1 : scope.startsWith("key:") ? -1 : 0;
      for (const dimension of DIMENSIONS) {
        const name = `${window}|${key}|${dimension}`;
        sums.set(name, (sums.get(name) ?? 0) + sign * spent[dimension]);
      }
    }
    for (const [name, difference] of sums)
      this.promises.hold("P5", difference === 0, () => `${name}: ${difference}`);
  }
}

/** What two states have to agree on. A bound of when a call is due may differ, and so may what is empty. */
function textOf({ state }: LedgerModel): string {
  const { buckets, rates, calls, atMs, zones } = state;
  return JSON.stringify({
    atMs,
    zones: [...zones],
    buckets: [...buckets].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    rates: [...rates].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    calls: [...calls].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  });
}

function areWhole(value: unknown): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(areWhole);
}
