// Asks a deployed gateway what a client would ask first. Everything is asked again until it is right or the time is up: a
// new address takes a while to be known, and what was seeded takes a while to be published.
import { setTimeout as sleep } from "node:timers/promises";

export interface SmokeSettings {
  /** Without a slash at its end. */
  readonly url: string;
  /** Without a key it is only seen that nobody is let in without one. */
  readonly keySecret: string | null;
  /** Costs a few tokens at an upstream. */
  readonly isChatAsked: boolean;
  readonly waitMs: number;
}

/** workers.dev addresses and KV both need up to a minute. */
export const SMOKE_WAIT_MS = 90_000;
const POLL_MS = 1_000;
const ANSWER_MS_MAX = 30_000;
/** Enough for an answer to be seen, little enough to cost nothing. */
const CHAT_TOKENS = 64;

interface Check {
  readonly name: string;
  readonly path: string;
  readonly isAuthorised: boolean;
  readonly body?: unknown;
  /** What is wrong with an answer; null when nothing is. */
  readonly problemOf: (status: number, text: string) => string | null;
}

/** Answers what is wrong, or null. `passed` hears of each check that is right. */
export async function smokeTest(
  settings: SmokeSettings,
  passed: (name: string) => void,
): Promise<string | null> {
  const untilMs = Date.now() + settings.waitMs;
  for (const check of checksFor(settings)) {
    const problem = await untilRight(check, settings, untilMs);
    if (problem !== null) return `${check.name}: ${problem}`;
    passed(check.name);
  }
  return null;
}

/** The first of the checks by itself: whether anything answers at all. */
export async function untilHealthy(url: string, waitMs: number): Promise<string | null> {
  const settings = { url, keySecret: null, isChatAsked: false, waitMs };
  return untilRight(HEALTH, settings, Date.now() + waitMs);
}

const HEALTH: Check = {
  name: "GET /healthz",
  path: "/healthz",
  isAuthorised: false,
  problemOf: (status, text) =>
    status === 200 && text.includes('"ok":true') ? null : sayAnswer(status, text),
};

const LOCKED: Check = {
  name: "GET /v1/models without a key is refused",
  path: "/v1/models",
  isAuthorised: false,
  problemOf: (status, text) => (status === 401 ? null : sayAnswer(status, text)),
};

const MODELS: Check = {
  name: "GET /v1/models",
  path: "/v1/models",
  isAuthorised: true,
  problemOf: (status, text) =>
    status === 200 && text.includes('"auto"') ? null : sayAnswer(status, text),
};

const CHAT: Check = {
  name: "POST /v1/chat/completions",
  path: "/v1/chat/completions",
  isAuthorised: true,
  body: {
    model: "auto:direct",
    max_tokens: CHAT_TOKENS,
    messages: [{ role: "user", content: "What is 2 + 2?" }],
  },
  problemOf: (status, text) => (status === 200 ? null : sayAnswer(status, text)),
};

function checksFor({ keySecret, isChatAsked }: SmokeSettings): readonly Check[] {
  if (keySecret === null) return [HEALTH, LOCKED];
  return [HEALTH, LOCKED, MODELS, ...(isChatAsked ? [CHAT] : [])];
}

async function untilRight(
  check: Check,
  settings: SmokeSettings,
  untilMs: number,
): Promise<string | null> {
  for (;;) {
    const problem = await tryOnce(check, settings);
    // A chat costs money each time, and an upstream that refuses it will not come round in a minute.
    if (problem === null || Date.now() >= untilMs || check.body !== undefined) return problem;
    await sleep(POLL_MS);
  }
}

async function tryOnce(
  { path, isAuthorised, body, problemOf }: Check,
  { url, keySecret }: SmokeSettings,
): Promise<string | null> {
  try {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(isAuthorised ? { authorization: `Bearer ${keySecret}` } : {}),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    return problemOf(response.status, await response.text());
  } catch (error) {
    const { message, cause } = error as Error & { readonly cause?: { readonly code?: string } };
    return `no answer (${cause?.code ?? message})`;
  }
}

function sayAnswer(status: number, text: string): string {
  return `answered ${status} ${text.slice(0, 200)}`.trim();
}
