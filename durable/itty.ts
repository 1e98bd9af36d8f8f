// The one file that touches itty-durable; gives it types. Its inner files are imported, because its index is CommonJS
// over ES modules. Calls travel as JSON in one header: keep arguments small and ASCII, and answer something always
// (a method that returns nothing answers a Response).
import { createDurable } from "itty-durable/itty-durable";
import { proxyDurable } from "itty-durable/proxy-durable";

export interface PersistedObject {
  readonly state: DurableObjectState;
  /** Runs after every call; override it to skip what has not changed. */
  persist(): Promise<void>;
}

type PersistedConstructor = new (state: DurableObjectState, env: Env) => PersistedObject;

/** Public fields are one stored value: loaded before the first call and saved after every call. */
export const Persisted = createDurable({ autoPersist: true }) as unknown as PersistedConstructor;

/** The methods of `T` as the caller sees them: arguments and answers cross as JSON. */
export type Remote<T> = {
  readonly [
    K in Exclude<keyof T, keyof PersistedObject> as T[K] extends (...args: never[]) => unknown
      ? K
      : never
  ]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

/** What reaching needs of a binding. The classes lack the platform's RPC brand, so the namespace's own type is no use. */
export type PersistedNamespace = Pick<DurableObjectNamespace, "idFromName">;

/** Reaches the object named `name`. Never await the result itself: it answers `then`, and the await never ends. */
export function reach<T>(namespace: PersistedNamespace, name: string): Remote<T> {
  return proxyDurable(namespace, { parse: true }).get(name) as Remote<T>;
}
