// What the tests of the prefix index share: a way to a fresh pool, and looks at what lies in its storage.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { PrefixIndex } from "../../../durable/prefix-index.ts";
import { prefixIndexOf } from "../../../durable/reach.ts";
import type { PlaceAnswer } from "../../../policies/placement/pool.ts";

export type Stub = DurableObjectStub<PrefixIndex>;

export function freshPool(name: string): Stub {
  return prefixIndexOf(env.PREFIX_INDEX, name);
}

/** The replica that it was placed on. */
export function replicaOf(answer: PlaceAnswer): string {
  if (answer.kind !== "placed") throw new Error(`It was not placed but ${answer.kind}.`);
  return answer.replica;
}

export function inStorage<T>(pool: Stub, look: (sql: SqlStorage) => T): Promise<T> {
  return runInDurableObject(pool, (_, { storage }) => look(storage.sql));
}
