// Who may operate the gateway: one secret, compared in constant time, and a fence round wrong guesses and writes.
import { bearerOf, faultOfSecret, isEqual } from "../bearer.ts";
import { logError } from "../log.ts";
import { WINDOW_SECONDS, type Refusal } from "./refusal.ts";

/** Addresses that are refused unheard for the rest of a window. The oldest goes first; it costs one more guess. */
const RESTING_MAX = 1_000;

/**
 * The platform's rate limiter counts in each Cloudflare location by itself and lets some more pass while counts spread, so
 * its bound (wrangler.toml) is a fence against floods and never an account. Where it is not bound, everything passes.
 */
export interface Limiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** Plain data of one isolate: until when an address is not heard. */
export type RestingAddresses = Map<string, number>;

export interface LoginSurroundings {
  /** Null when it is not set. */
  readonly adminSecret: string | null;
  /** Failed logins, by address. */
  readonly logins: Limiter | null;
  readonly writes: Limiter | null;
  readonly resting: RestingAddresses;
  readonly now: () => number;
}

/** Why the admin API is off; null when it is on. */
export function whyOff({ adminSecret }: Pick<LoginSurroundings, "adminSecret">): string | null {
  return faultOfSecret("ADMIN_SECRET", adminSecret);
}

/** Null lets the caller in. */
export async function login(
  request: Request,
  { adminSecret, logins, resting, now }: LoginSurroundings,
): Promise<Refusal | null> {
  const address = addressOf(request);
  if (address !== null && (resting.get(address) ?? 0) > now())
    return { kind: "too-many", what: "failed logins" };
  const given = bearerOf(request);
  if (given !== null && adminSecret !== null && (await isEqual(given, adminSecret))) return null;
  // The one who knows the secret is never refused for others' guesses, unless those came from the same address: else
  // anybody could lock the operator out.
  if (!(await isWithin(logins, address ?? "unknown"))) {
    if (address !== null) rest(resting, address, now() + WINDOW_SECONDS["failed logins"] * 1000);
    return { kind: "too-many", what: "failed logins" };
  }
  return { kind: given === null ? "secret-missing" : "secret-wrong" };
}

export async function mayWrite({ writes }: LoginSurroundings): Promise<Refusal | null> {
  return (await isWithin(writes, "all")) ? null : { kind: "too-many", what: "writes" };
}

async function isWithin(limiter: Limiter | null, key: string): Promise<boolean> {
  if (limiter === null) return true;
  try {
    return (await limiter.limit({ key })).success;
  } catch (error) {
    // A fence that is down must not keep the operator out: the secret is the wall.
    logError("admin-limiter-failed", { problem: String(error) });
    return true;
  }
}

/**
 * Set by Cloudflare, which overwrites what a client sends. On a machine of one's own it is whatever stands before the
 * gateway that must set it; without that everybody comes from the machine itself, and no address is told from another.
 */
function addressOf(request: Request): string | null {
  const address = request.headers.get("cf-connecting-ip");
  return address === null || /^(127\.|::1$|::ffff:127\.)/.test(address) ? null : address;
}

function rest(resting: RestingAddresses, address: string, untilMs: number): void {
  resting.delete(address);
  resting.set(address, untilMs);
  if (resting.size <= RESTING_MAX) return;
  const oldest = resting.keys().next();
  if (oldest.done !== true) resting.delete(oldest.value);
}
