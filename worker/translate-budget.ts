// What a caller hears of a limit without room: whose it is, when there is more, and whether asking again is any use. Rates
// pass by themselves and are waited for; a used-up budget is not, and SDKs that would ask again are told so.
import type { Dimension } from "../policies/ledger/amounts.ts";
import type { Window } from "../policies/ledger/limit.ts";
import type { BudgetExceeded } from "./failure.ts";
import { isoTime } from "./instant.ts";
import { OUTPUT_BOUND, retryAdvice, type PublicFailure } from "./public-failure.ts";

/** About the length of a short answer, whose hold is given back then. */
const BUSY_RETRY_MS = 2000;

const UNITS: Readonly<Record<Dimension, string>> = {
  requests: "requests",
  tokens: "tokens",
  nanos: "nano-dollars",
  uncachedInputTokens: "uncached input tokens",
  cachedInputTokens: "cached input tokens",
  cacheWriteTokens: "cache write tokens",
  visibleOutputTokens: "visible output tokens",
  reasoningTokens: "reasoning tokens",
  concurrency: "requests at once",
};

const PER_WINDOW: Readonly<Record<Window, string>> = {
  minute: " per minute",
  hour: " per hour",
  day: " per day",
  month: " per month",
  lifetime: " in all",
  session: " per conversation",
};

export function translateBudget(failure: BudgetExceeded): PublicFailure {
  switch (failure.reason) {
    case "rate":
      return limited("rate_limit_exceeded", rateMessage(failure), failure.resetInMs ?? 0);
    case "concurrency":
      return limited(
        "concurrency_limit_exceeded",
        `${limitOf(failure)} is reached. Try again when one of them has ended.`,
        BUSY_RETRY_MS,
      );
    case "busy":
    case "unlent":
      return limited(
        "budget_busy",
        `Requests in flight hold what is left of ${lowerFirst(limitOf(failure))}; most of it is free again when they end. Try again shortly.`,
        BUSY_RETRY_MS,
      );
    case "unfit":
      return unfit(failure);
    case "quota":
      return {
        ...usedUp(failure),
        message: `${limitOf(failure)} is used up${remainingOf(failure)}. ${resetOf(failure)}`,
      };
  }
}

function limited(code: string, message: string, waitMs: number): PublicFailure {
  const headers = retryAdvice(waitMs);
  return { status: 429, message, type: "rate_limit_error", code, param: null, headers };
}

function rateMessage(failure: BudgetExceeded): string {
  const seconds = Math.max(1, Math.ceil((failure.resetInMs ?? 0) / 1000));
  return `${limitOf(failure)} is reached. Try again in ${seconds} s.`;
}

/** There is room, and for others it may do. */
function unfit(failure: BudgetExceeded): PublicFailure {
  const { affordableTokens, window } = failure;
  const unfitting = `This request does not fit what is left of ${lowerFirst(limitOf(failure))}${remainingOf(failure)}.`;
  const advice =
    affordableTokens > 0
      ? `With this input, \`${OUTPUT_BOUND}\` of at most ${affordableTokens} would fit.`
      : "No answer fits beside its input; shorten the messages.";
  return {
    ...(window === "minute"
      ? { ...limited("rate_limit_exceeded", "", 0), headers: NEVER_AGAIN }
      : usedUp(failure)),
    message: `${unfitting} ${resetOf(failure)} ${advice}`,
    param: OUTPUT_BOUND,
    headers: NEVER_AGAIN,
  };
}

const NEVER_AGAIN = { "x-should-retry": "false" };

/** Whatever the time until there is more: SDKs that ask again blindly would only do so in vain. */
function usedUp({
  scope,
  dimension,
  window,
  resetInMs,
}: BudgetExceeded): Omit<PublicFailure, "message"> {
  const retry = resetInMs === null ? {} : retryAdvice(resetInMs);
  return {
    status: 429,
    type: "insufficient_quota",
    code:
      window === "lifetime" && dimension !== "concurrency"
        ? "credit_balance_exhausted"
        : isShared(scope)
          ? "organization_spend_limit_exceeded"
          : "project_spend_limit_exceeded",
    param: null,
    headers: { ...retry, ...NEVER_AGAIN },
  };
}

/** What is left of an organisation's limit would tell what its other tenants have spent. */
export function isShared(scope: string): boolean {
  return scope.startsWith("org:");
}

function limitOf({ scope, dimension, window, limit }: BudgetExceeded): string {
  const per = dimension === "concurrency" ? "" : PER_WINDOW[window];
  const unit = `${UNITS[dimension]}${per}`;
  return isShared(scope)
    ? `The organisation's limit of ${unit}`
    : `${ownerOf(scope)} limit of ${limit} ${unit}`;
}

function ownerOf(scope: string): string {
  if (scope === "tenant") return "The tenant's";
  const colon = scope.indexOf(":");
  const [kind, name] = [scope.slice(0, colon), scope.slice(colon + 1)];
  // The caller is the one whose key it is, and named the user or the tag itself.
  return kind === "key" ? "This key's" : `The ${kind} \`${name}\`'s`;
}

function remainingOf({ scope, remaining, dimension }: BudgetExceeded): string {
  return isShared(scope) ? "" : `; ${remaining} ${UNITS[dimension]} remain`;
}

function resetOf({ window, resetAtMs }: BudgetExceeded): string {
  if (window === "session") return "It is this conversation's own; another one begins anew.";
  return resetAtMs === null ? "It does not reset." : `It resets at ${isoTime(resetAtMs)}.`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
