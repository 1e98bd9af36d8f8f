// Which replica of a model gets a call. Every model has one until the prefix index exists; it will weigh
// each replica's load against what it already holds of the prompt's prefix, which is what the keys are for.
import type { Model, Upstream } from "../policies/catalog.ts";

export interface Placement {
  readonly upstream: string;
  readonly baseUrl: string;
}

export interface PlacementQuery {
  readonly upstream: Upstream;
  readonly model: Model;
  /** Names of the prepared prompt's prefixes, shortest first; empty until they are computed. */
  readonly prefixKeys: readonly string[];
}

export function place({ upstream }: PlacementQuery): Placement {
  return { upstream: upstream.id, baseUrl: upstream.baseUrl };
}
