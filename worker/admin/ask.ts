// Reaches the objects behind the control plane: what one answers, or that it could not be reached. A bug inside it stays a
// bug.
import { isBugInside } from "../object-fault.ts";
import { TIMED_OUT, within } from "../stream/wait.ts";
import {
  ObjectUnreachable,
  type AdminDependencies,
  type OperatedFeedback,
  type OperatedHead,
  type OperatedLedger,
  type OperatedPool,
  type RegistryPort,
} from "./route.ts";

/** The greatest import is checked in about a second; what takes this long is in trouble. */
const REGISTRY_MS_MAX = 15_000;
/** A page of a journal is read and hashed in some hundred milliseconds. */
const LEDGER_MS_MAX = 5_000;
/** A hundred grades are a hundred small turns. */
const HEAD_MS_MAX = 5_000;
/** A report of a full index takes some ten milliseconds. */
const POOL_MS_MAX = 5_000;
/** Some rows of one table. */
const FEEDBACK_MS_MAX = 5_000;
/** What stands is read in some milliseconds. */
const LOOK_MS_MAX = 2_000;

export function askRegistry<T>(
  deps: AdminDependencies,
  ask: (registry: RegistryPort) => Promise<T>,
): Promise<T> {
  return answerOf("The registry", REGISTRY_MS_MAX, () => ask(deps.registry()));
}

/** `name`: as policies/ledger/shard.ts and `organisationLedger` make them. */
export function askLedger<T>(
  deps: AdminDependencies,
  name: string,
  ask: (ledger: OperatedLedger) => Promise<T>,
): Promise<T> {
  return answerOf(spoken(name), LEDGER_MS_MAX, () => ask(deps.ledgerOf(name)));
}

/** A ledger of several, which must not keep the others waiting. */
export function lookAtLedger<T>(
  deps: AdminDependencies,
  name: string,
  ask: (ledger: OperatedLedger) => Promise<T>,
): Promise<T> {
  return answerOf(spoken(name), LOOK_MS_MAX, () => ask(deps.ledgerOf(name)));
}

export function organisationLedger(organisationId: string): string {
  return `org:${organisationId}`;
}

function spoken(name: string): string {
  if (name.startsWith("org:")) return "The organisation's ledger";
  return name.includes("#") ? `The tenant's ledger ${name}` : "The tenant's ledger";
}

export function askHead<T>(
  deps: AdminDependencies,
  tenantId: string,
  policyName: string,
  ask: (head: OperatedHead) => Promise<T>,
): Promise<T> {
  return answerOf("The tenant's head", HEAD_MS_MAX, () => ask(deps.headOf(tenantId, policyName)));
}

export function askPool<T>(
  deps: AdminDependencies,
  upstreamId: string,
  ask: (pool: OperatedPool) => Promise<T>,
): Promise<T> {
  return answerOf("The pool's index", POOL_MS_MAX, () => ask(deps.poolOf(upstreamId)));
}

export function askFeedback<T>(
  deps: AdminDependencies,
  tenantId: string,
  ask: (feedback: OperatedFeedback) => Promise<T>,
): Promise<T> {
  return answerOf("The tenant's feedback", FEEDBACK_MS_MAX, () => ask(deps.feedbackOf(tenantId)));
}

async function answerOf<T>(what: string, msMax: number, ask: () => Promise<T>): Promise<T> {
  let answer: T | typeof TIMED_OUT;
  try {
    answer = await within(ask(), msMax);
  } catch (error) {
    if (isBugInside(error)) throw error;
    throw new ObjectUnreachable(what, String(error));
  }
  if (answer === TIMED_OUT) throw new ObjectUnreachable(what, `no answer within ${msMax} ms`);
  return answer;
}
