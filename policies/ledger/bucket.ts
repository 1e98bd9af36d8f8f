// What is counted of one scope in one window.
import { NOTHING, type Amounts } from "./amounts.ts";
import type { Window } from "./limit.ts";

/** One scope in one window. The promise: spent + held - over never exceeds the limit that a hold was checked against. */
export interface Bucket {
  readonly scope: string;
  readonly window: Window;
  readonly key: string;
  spent: Amounts;
  held: Amounts;
  over: Amounts;
  /** What ledgers reported that borrowed of this window, who count it themselves too. */
  returned: Returned;
}

/** Of what a bucket has spent, and of what went over. */
export interface Returned {
  readonly spent: Amounts;
  readonly over: Amounts;
}

const NONE_RETURNED: Returned = { spent: NOTHING, over: NOTHING };

export function newBucket(scope: string, window: Window, key: string): Bucket {
  const [spent, held, over, returned] = [NOTHING, NOTHING, NOTHING, NONE_RETURNED];
  return { scope, window, key, spent, held, over, returned };
}

export function bucketName(scope: string, window: Window, key: string): string {
  return `${scope}|${window}|${key}`;
}
