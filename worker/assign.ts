// Which experiment variant a request belongs to. There are no experiments yet, so the policy stands as it is;
// a variant will override fields of the policy here, before anything is decided.
import type { Policy } from "../policies/policy.ts";

export interface Assignment {
  readonly policy: Policy;
  readonly variant: string | null;
}

export function assign(policy: Policy): Assignment {
  return { policy, variant: null };
}
