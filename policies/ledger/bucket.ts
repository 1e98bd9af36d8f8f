// What is counted of one scope in one window.
import type { Amounts } from "./amounts.ts";
import type { Window } from "./limit.ts";

/** One scope in one window. The promise: spent + held - over never exceeds the limit that a hold was checked against. */
export interface Bucket {
  readonly scope: string;
  readonly window: Window;
  readonly key: string;
  spent: Amounts;
  held: Amounts;
  over: Amounts;
}

export function bucketName(scope: string, window: Window, key: string): string {
  return `${scope}|${window}|${key}`;
}
