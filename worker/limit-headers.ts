// What an answer's headers say of its caller's limits, on success and on refusal: OpenAI's from the tightest limit of each
// dimension that they know, and ours from the tightest budget.
import type { Meter } from "../policies/account.ts";
import type { Dimension } from "../policies/ledger/amounts.ts";
import { isoTime } from "./instant.ts";
import { isShared } from "./translate-budget.ts";

export function limitHeaders(meters: readonly Meter[]): Record<string, string> {
  if (meters.length === 0) return {};
  // An organisation's figures would tell what its other tenants have spent.
  const own = meters.filter(({ scope }) => !isShared(scope));
  const headers: Record<string, string> = {};
  for (const dimension of ["requests", "tokens"] satisfies Dimension[]) {
    const tightest = least(
      own.filter((meter) => meter.dimension === dimension),
      ({ remaining }) => remaining,
    );
    if (tightest === null) continue;
    headers[`x-ratelimit-limit-${dimension}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${dimension}`] = String(Math.max(0, tightest.remaining));
    if (tightest.resetInMs !== null)
      headers[`x-ratelimit-reset-${dimension}`] = duration(tightest.resetInMs);
  }
  return { ...headers, ...budgetHeaders(own) };
}

/** Rates pass by themselves; of what is used up for good, the one of which the least share is left. */
function budgetHeaders(meters: readonly Meter[]): Record<string, string> {
  const tightest = least(
    meters.filter(({ window, dimension }) => window !== "minute" && dimension !== "concurrency"),
    ({ remaining, limit }) => (limit === 0 ? 0 : remaining / limit),
  );
  if (tightest === null) return {};
  const { scope, window, dimension, remaining, resetAtMs } = tightest;
  return {
    "x-budget-scope": printable(scope),
    "x-budget-window": window,
    "x-budget-dimension": dimension,
    "x-budget-remaining": String(Math.max(0, remaining)),
    ...(resetAtMs === null ? {} : { "x-budget-reset": isoTime(resetAtMs) }),
  };
}

function least(meters: readonly Meter[], measure: (meter: Meter) => number): Meter | null {
  let found: Meter | null = null;
  for (const meter of meters) if (found === null || measure(meter) < measure(found)) found = meter;
  return found;
}

/** As OpenAI writes it: `6h12m30s`, `45s`, `120ms`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor((seconds % 3600) / 60),
    seconds % 60,
  ];
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${rest}s`;
}

/** A header holds printable ASCII; what operators and clients name may hold anything, and must not end a request. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
