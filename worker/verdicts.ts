// Brings what is thought of answers to the heads that chose for them. A request's id does not say under which policy it ran,
// so each of the tenant's heads is asked for what the others do not know.
import type { Heard, Verdict } from "../policies/head/decision.ts";
import type { Tenant } from "../policies/tenant.ts";
import type { HeadPort } from "./ports.ts";

/** Its own first: most requests name none. */
export function policiesOf({ policy, policies }: Tenant): string[] {
  return [...new Set([policy, ...policies])];
}

/** What became of each verdict, in their order. */
export async function hearVerdicts(
  policies: readonly string[],
  verdicts: readonly Verdict[],
  headOf: (policyName: string) => Pick<HeadPort, "hear">,
): Promise<Heard[]> {
  const outcomes: Heard[] = verdicts.map(() => "unknown");
  for (const policy of policies) {
    const left = [...outcomes.keys()].filter((index) => outcomes[index] === "unknown");
    if (left.length === 0) break;
    const asked = left.flatMap((index) => verdicts[index] ?? []);
    const heard = await headOf(policy).hear(asked);
    for (const [at, index] of left.entries()) outcomes[index] = heard[at] ?? "unknown";
  }
  return outcomes;
}
