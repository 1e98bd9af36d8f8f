// A history is data: what a ledger goes through, step by step. Running one tells the first promise that it breaks.
import type { HoldRequest, Offer, Usage } from "../../policies/account.ts";
import type { Limit } from "../../policies/ledger/limit.ts";
import type { Core } from "./core.ts";
import type { Act, Snapshot } from "./ledger-model.ts";
import { BrokenPromise, Promises, type Broken } from "./promises.ts";
import { Watch } from "./watch.ts";

/** The limits of every scope, as a configuration has them at a time. */
export interface Plan {
  readonly zone: string;
  readonly tenant: readonly Limit[];
  readonly key: readonly Limit[];
  readonly user: readonly Limit[];
}

export interface Prices {
  readonly input: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly output: number;
}

export type Step =
  | {
      readonly kind: "hold";
      readonly call: number;
      readonly key: number;
      readonly user: number | null;
      readonly session: number | null;
      readonly requests: 0 | 1;
      readonly inputTokens: number;
      readonly outputTokens: number;
      readonly leastTokens: number;
      readonly sliceTokens: number;
      /** The second rung costs and takes a part of the first; none where this is null. */
      readonly secondRung: number | null;
      readonly prices: Prices;
      readonly ttlMs: number;
    }
  | {
      readonly kind: "extend";
      readonly call: number;
      readonly outputTokens: number;
      readonly seenTokens: number;
      readonly ttlMs: number;
    }
  | {
      readonly kind: "checkpoint";
      readonly call: number;
      readonly seenTokens: number;
      readonly ttlMs: number;
    }
  | {
      readonly kind: "settle";
      readonly call: number;
      readonly usage: Usage;
      readonly certainty: "exact" | "at_least" | "unknown";
    }
  | { readonly kind: "release"; readonly call: number }
  | {
      readonly kind: "refund";
      readonly call: number;
      readonly refund: number;
      readonly tokens: number;
      readonly nanos: number;
    }
  | { readonly kind: "alarm" }
  /** One of the operations before comes again, so many back. */
  | { readonly kind: "again"; readonly back: number }
  /** Less than nothing: the clock goes back. */
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "edit"; readonly plan: number }
  | { readonly kind: "snapshot" }
  | { readonly kind: "crash"; readonly onSnapshot: boolean };

export interface History {
  readonly startMs: number;
  readonly plans: readonly [Plan, ...Plan[]];
  readonly steps: readonly Step[];
}

export interface Verdict {
  readonly ops: number;
  readonly broken: (Broken & { readonly step: number }) | null;
}

export function runHistory(core: Core, history: History, promises = new Promises()): Verdict {
  const watch = new Watch(core, promises);
  const acts: Act[] = [];
  let plan = history.plans[0];
  let clockMs = history.startMs;
  let snapshot: Snapshot | null = null;
  let index = 0;
  try {
    for (const step of history.steps) {
      switch (step.kind) {
        case "wait":
          clockMs += step.ms;
          break;
        case "edit":
          plan = history.plans[step.plan % history.plans.length] ?? plan;
          break;
        case "snapshot":
          snapshot = watch.model.snapshot();
          break;
        case "crash":
          watch.crash(step.onSnapshot ? snapshot : null);
          break;
        case "again": {
          const act = acts.at(-1 - step.back);
          if (act !== undefined) watch.perform(act, clockMs);
          break;
        }
        case "hold":
        case "extend":
        case "checkpoint":
        case "settle":
        case "release":
        case "refund":
        case "alarm": {
          const act = actOf(step, plan);
          acts.push(act);
          watch.perform(act, clockMs);
        }
      }
      index += 1;
    }
    watch.quiesce(clockMs);
    watch.crash(null);
    if (snapshot !== null) watch.crash(snapshot);
    return { ops: watch.ops, broken: null };
  } catch (error) {
    return { ops: watch.ops, broken: { ...brokenBy(error), step: index } };
  }
}

/** What throws by itself breaks a promise that nobody thought of. */
export function brokenBy(error: unknown): Broken {
  if (error instanceof BrokenPromise) return error.broken;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { promise: "thrown", detail: text };
}

function actOf(
  step: Exclude<Step, { kind: "wait" | "edit" | "snapshot" | "crash" | "again" }>,
  plan: Plan,
): Act {
  switch (step.kind) {
    case "hold":
      return { op: "hold", request: requestOf(step, plan) };
    case "extend": {
      const { call, outputTokens, seenTokens: seenOutputTokens, ttlMs } = step;
      const request = { callId: nameOf(call), outputTokens, seenOutputTokens, ttlMs };
      return { op: "extend", request };
    }
    case "checkpoint": {
      const { call, seenTokens: seenOutputTokens, ttlMs } = step;
      return { op: "checkpoint", request: { callId: nameOf(call), seenOutputTokens, ttlMs } };
    }
    case "settle": {
      const { call, usage, certainty } = step;
      const request = { callId: nameOf(call), usage, certainty, ending: "complete" };
      return { op: "settle", request };
    }
    case "release":
      return { op: "release", callId: nameOf(step.call) };
    case "refund": {
      const { call, refund, tokens, nanos } = step;
      const request = { callId: nameOf(call), refundId: `r${refund}`, tokens, nanos };
      return { op: "refund", request };
    }
    case "alarm":
      return { op: "sweep" };
  }
}

function nameOf(call: number): string {
  return `c${call}`;
}

function requestOf(step: Step & { kind: "hold" }, plan: Plan): HoldRequest {
  const { key, user, session, secondRung, prices, requests, ttlMs } = step;
  const offer: Offer = {
    rung: 0,
    arm: "model/long",
    strategies: [],
    inputTokens: step.inputTokens,
    outputTokens: step.outputTokens,
    outputTokensMin: step.leastTokens,
    sliceTokens: step.sliceTokens,
    priceVersion: null,
    inputNanosPerMtok: prices.input,
    cachedInputNanosPerMtok: prices.cached,
    cacheWriteNanosPerMtok: prices.cacheWrite,
    outputNanosPerMtok: prices.output,
  };
  const second: Offer[] =
    secondRung === null
      ? []
      : [
          {
            ...offer,
            rung: 1,
            arm: "model/direct",
            outputTokens: Math.max(1, Math.floor(offer.outputTokens / secondRung)),
            outputTokensMin: Math.min(
              offer.outputTokensMin,
              Math.max(1, Math.floor(offer.outputTokens / secondRung)),
            ),
            inputNanosPerMtok: Math.floor(offer.inputNanosPerMtok / secondRung),
            outputNanosPerMtok: Math.floor(offer.outputNanosPerMtok / secondRung),
          },
        ];
  return {
    callId: nameOf(step.call),
    keyId: `k${key}`,
    policyVersion: "1",
    variant: null,
    requests,
    scopes: [
      { scope: "tenant", limits: plan.tenant },
      { scope: `key:k${key}`, limits: plan.key },
      ...(user === null ? [] : [{ scope: `user:u${user}`, limits: plan.user }]),
    ],
    zone: plan.zone,
    session: session === null ? null : `s${session}`,
    offers: [offer, ...second],
    ttlMs,
  };
}
