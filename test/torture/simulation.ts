// A day in the life of a ledger, from a seed: workers and an operator on one side, an object on the other, and between and
// around them everything that goes wrong. Then the faults stop, and whatever was promised for the end must hold.
import type { HoldRequest } from "../../policies/account.ts";
import type { Limit } from "../../policies/ledger/limit.ts";
import { chanceFrom, type Chance } from "../unit/worker/fuzz-chance.ts";
import type { Core } from "./core.ts";
import { brokenBy } from "./history.ts";
import type { Answer } from "./ledger-model.ts";
import { Promises, type Broken } from "./promises.ts";
import { Schedule } from "./schedule.ts";
import { runCall, type CallOutcome, type CallScript } from "./simulated-call.ts";
import { SimulatedNetwork } from "./simulated-network.ts";
import { SimulatedObject } from "./simulated-object.ts";
import { Watch } from "./watch.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Longer than any lateness, jump, life and suspense together. */
const QUIET_MS = 2 * DAY_MS;

/** Where clocks are put forward and back, and months and years turn. */
const STARTS_MS = [
  Date.UTC(2026, 2, 29, 0),
  Date.UTC(2026, 9, 25, 0),
  Date.UTC(2026, 11, 31, 22),
  Date.UTC(2028, 1, 28, 23),
  Date.UTC(2026, 10, 25, 12),
];
const ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"];

export interface SimulationVerdict {
  readonly ops: number;
  readonly broken: Broken | null;
}

export function simulate(core: Core, seed: number, promises = new Promises()): SimulationVerdict {
  const chance = chanceFrom(seed);
  const watch = new Watch(core, promises);
  try {
    live(watch, chance);
    return { ops: watch.ops, broken: null };
  } catch (error) {
    return { ops: watch.ops, broken: brokenBy(error) };
  }
}

function live(watch: Watch, chance: Chance): void {
  const schedule = new Schedule(chance.pick(STARTS_MS) + chance.whole(2 * HOUR_MS));
  const object = new SimulatedObject(watch, schedule, chance);
  const network = new SimulatedNetwork(object, schedule, chance, 4 + chance.whole(60));
  const zone = chance.pick(ZONES);
  let limits = limitsBy(chance);
  const spanMs = chance.pick([60_000, 600_000, HOUR_MS, 6 * HOUR_MS]);
  const outcomes: CallOutcome[] = [];
  const calls = 5 + chance.whole(40);
  for (let index = 0; index < calls; index += 1) {
    schedule.after(chance.whole(spanMs), () => {
      const script = scriptBy(chance, `q${index}:1`, zone, limits, index);
      const outcome: CallOutcome = {
        script,
        isHeld: false,
        isSent: false,
        seenTokens: 0,
        heldTokens: 0,
        said: null,
        isSettled: false,
      };
      outcomes.push(outcome);
      follow(runCall(outcome, chance), schedule, network);
    });
  }
  for (let edit = chance.whole(3); edit > 0; edit -= 1)
    schedule.after(chance.whole(spanMs), () => {
      limits = limitsBy(chance);
    });
  for (let refund = chance.whole(5); refund > 0; refund -= 1)
    schedule.after(chance.whole(2 * spanMs), () => {
      const callId = `q${chance.whole(calls)}:1`;
      const request = {
        callId,
        refundId: `r${refund}`,
        tokens: chance.whole(300),
        nanos: chance.whole(300),
      };
      network.ask({ op: "refund", request }, () => undefined);
    });
  schedule.after(spanMs + DAY_MS, () => object.calm());
  schedule.run();
  schedule.nowMs += QUIET_MS;
  // No sweep is asked for: the alarm alone has ended what was left.
  const { state } = watch.model;
  watch.promises.hold("live", state.calls.size === 0, () => `${state.calls.size} calls are left`);
  const restMs = watch.quiesce(object.clockMs);
  for (const outcome of outcomes) checkOutcome(watch, outcome);
  resume(watch, scriptBy(chance, "last:1", zone, limits, 0).request, restMs);
}

/** Lets a worker go on whenever what it waits for is there. */
function follow(
  worker: ReturnType<typeof runCall>,
  schedule: Schedule,
  network: SimulatedNetwork,
): void {
  const go = (answer: Answer | null): void => {
    const { done, value } = worker.next(answer);
    if (done === true) return;
    if (value.kind === "sleep") schedule.after(value.ms, () => go(null));
    else network.ask(value.act, go);
  };
  go(null);
}

function checkOutcome(watch: Watch, outcome: CallOutcome): void {
  const { script, isHeld, isSent, said, isSettled, heldTokens } = outcome;
  const { callId } = script.request;
  const call = watch.witness.calls.get(callId);
  const say = (): string => JSON.stringify({ outcome, call });
  if (isHeld) watch.promises.hold("kept", call !== undefined, say);
  if (call === undefined) return;
  const isFree =
    said?.certainty === "exact" && said.usage.inputTokens + said.usage.outputTokens === 0;
  if (isSent) watch.promises.hold("P8", isFree || call.charged.tokens > 0, say);
  if (!isSettled || said === null || call.refunds.size > 0) return;
  if (said.certainty === "exact" && script.usage !== "absurd") {
    const { inputTokens, outputTokens } = said.usage;
    watch.promises.hold("kept", call.charged.tokens === inputTokens + outputTokens, say);
  }
  // An honest upstream goes over by what it wrote while it was being stopped, and by what the input was taken for too
  // little; by nothing else.
  const isHonest = script.usage === "true" && !script.ignoresCap;
  if (
    isHonest &&
    heldTokens === call.heldOutputTokens &&
    call.dueAtMs === Number.POSITIVE_INFINITY
  ) {
    const isLate = watch.model.journal.some(
      (entry) => entry.op === "expire" && entry.callId === callId,
    );
    const unseen = Math.max(0, script.inputTokens - call.offer.inputTokens);
    const most = isLate ? Number.POSITIVE_INFINITY : script.chunkTokens + unseen;
    watch.promises.hold("P1", call.over.tokens <= most, say);
  }
}

/** In new windows a small call is admitted again. */
function resume(watch: Watch, request: HoldRequest, restMs: number): void {
  const [offer] = request.offers;
  if (offer === undefined) return;
  const small = { ...offer, inputTokens: 1, outputTokens: 1, outputTokensMin: 1, sliceTokens: 1 };
  const act = { op: "hold", request: { ...request, offers: [small] } } as const;
  const { answer } = watch.perform(act, restMs + 40 * DAY_MS);
  watch.promises.hold("live", answer.kind === "held", () => JSON.stringify(answer));
}

function limitsBy(chance: Chance): { tenant: Limit[]; key: Limit[] } {
  const one = (): Limit[] => {
    const limits: Limit[] = [];
    const hard = chance.once(2);
    if (chance.once(2))
      limits.push({
        dimension: "tokens",
        window: chance.pick(["hour", "day", "month"]),
        limit: 500 + chance.whole(40_000),
        hard,
      });
    if (chance.once(3))
      limits.push({ dimension: "nanos", window: "day", limit: 1000 + chance.whole(100_000), hard });
    if (chance.once(3))
      limits.push({
        dimension: "tokens",
        window: "minute",
        limit: 500 + chance.whole(5000),
        burst: 500 + chance.whole(5000),
        hard,
      });
    if (chance.once(4))
      limits.push({
        dimension: "concurrency",
        window: "lifetime",
        limit: 1 + chance.whole(8),
        hard,
      });
    if (chance.once(4))
      limits.push({ dimension: "requests", window: "hour", limit: 3 + chance.whole(30), hard });
    return limits;
  };
  return { tenant: one(), key: one() };
}

function scriptBy(
  chance: Chance,
  callId: string,
  zone: string,
  limits: { readonly tenant: readonly Limit[]; readonly key: readonly Limit[] },
  index: number,
): CallScript {
  const inputTokens = 1 + chance.whole(400);
  const capTokens = chance.pick([100, 1000, 32_000]);
  const sliceTokens = chance.pick([100, 500, 2000, capTokens]);
  const seldom = (below: number): number | null => (chance.once(6) ? chance.whole(below) : null);
  return {
    request: {
      callId,
      keyId: `k${index % 3}`,
      policyVersion: "1",
      variant: null,
      requests: 1,
      scopes: [
        { scope: "tenant", limits: limits.tenant },
        { scope: `key:k${index % 3}`, limits: limits.key },
      ],
      zone,
      session: null,
      offers: [
        {
          rung: 0,
          arm: "model/long",
          strategies: [],
          // An estimate, now and then too low.
          inputTokens: chance.once(10)
            ? Math.floor(inputTokens / 2)
            : inputTokens + chance.whole(100),
          outputTokens: capTokens,
          outputTokensMin: 64,
          sliceTokens,
          priceVersion: null,
          inputNanosPerMtok: 300_000,
          cachedInputNanosPerMtok: 30_000,
          cacheWriteNanosPerMtok: 375_000,
          outputNanosPerMtok: 1_200_000,
        },
      ],
      ttlMs: chance.pick([15_000, 60_000, 120_000]),
    },
    inputTokens,
    outputTokens: chance.pick([1, 50, 400, 3000]) + chance.whole(400),
    chunkTokens: 1 + chance.whole(60),
    chunkMs: 10 + chance.whole(1500),
    ignoresCap: chance.once(10),
    stallsAt: seldom(20),
    stallMs: chance.pick([1000, 30_000, 300_000, HOUR_MS]),
    diesAt: seldom(30),
    clientLeavesAt: seldom(30),
    workerDiesAt: seldom(30),
    cannotConnect: chance.once(15),
    usage: chance.pick(["true", "true", "true", "none", "less", "more", "absurd"]),
    settlesLateMs: chance.once(12) ? chance.pick([30_000, 300_000, HOUR_MS, 5 * HOUR_MS]) : null,
  };
}
