// What a ledger promises, by the names that its specification gives.

export const PROMISES = {
  P1: "spent + held - over never exceeds the limit of an admission",
  P2: "a replay of the journal is the balances, with or without a snapshot",
  P3: "what is held is the sum of the open holds",
  P4: "a call's hold and what went over it are what was posted and what was released",
  P5: "a tenant has spent what its keys have",
  P6: "nothing is held once every hold had its time",
  P7: "an operation that comes again changes nothing",
  P8: "no call that was sent ends for nothing",
  P9: "nothing is negative",
  P10: "a refusal writes nothing",
  P11: "a call belongs to the windows that it began in",
  P12: "in any stretch of time a rate admits its share and its burst",
  P14: "an edit of the limits changes no usage",
  P15: "nothing but integers is kept",
  clock: "the ledger's time never goes back",
  live: "once faults stop, every hold resolves and calls are admitted again",
  kept: "what was acknowledged is kept",
  owed: "each ending is charged by its rule",
  due: "a hold expires when it is due, the longest due first",
  fits: "what fits is admitted, as the first rung that fits",
  thrown: "nothing throws",
  named: "a refusal names a limit that refuses",
} as const;
export type PromiseName = keyof typeof PROMISES;

export interface Broken {
  readonly promise: PromiseName;
  readonly detail: string;
}

/** Throws what it finds broken, and counts what it looked at, so that a promise that nothing tried is seen. */
export class Promises {
  readonly tried: Partial<Record<PromiseName, number>> = {};

  hold(promise: PromiseName, isKept: boolean, detail: () => string): void {
    this.tried[promise] = (this.tried[promise] ?? 0) + 1;
    if (!isKept) throw new BrokenPromise({ promise, detail: detail() });
  }
}

export class BrokenPromise extends Error {
  readonly broken: Broken;

  constructor(broken: Broken) {
    super(`${broken.promise} (${PROMISES[broken.promise]}): ${broken.detail}`);
    this.broken = broken;
  }
}
