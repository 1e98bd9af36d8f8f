// Reaches the registry: what it answers, or that it could not be reached. A bug inside it stays a bug.
import { TIMED_OUT, within } from "../stream/wait.ts";
import { RegistryUnreachable, type AdminDependencies, type RegistryPort } from "./route.ts";

/** The greatest import is checked in about a second; what takes this long is in trouble. */
const ANSWER_MS_MAX = 15_000;

export async function askRegistry<T>(
  deps: AdminDependencies,
  ask: (registry: RegistryPort) => Promise<T>,
): Promise<T> {
  let answer: T | typeof TIMED_OUT;
  try {
    answer = await within(ask(deps.registry()), ANSWER_MS_MAX);
  } catch (error) {
    if (isBugInside(error)) throw error;
    throw new RegistryUnreachable(String(error));
  }
  if (answer === TIMED_OUT) throw new RegistryUnreachable(`no answer within ${ANSWER_MS_MAX} ms`);
  return answer;
}

/** The platform marks what the object's own code threw, and apart from it an object that is overloaded or was reset. */
function isBugInside(error: unknown): boolean {
  const { remote, overloaded, retryable, durableObjectReset } = error as {
    readonly [K in "remote" | "overloaded" | "retryable" | "durableObjectReset"]?: boolean;
  };
  return (
    remote === true && overloaded !== true && retryable !== true && durableObjectReset !== true
  );
}
