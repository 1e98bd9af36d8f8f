// An organisation owns a budget that several tenants spend from. Their ledgers borrow parts of it (ledger/lease.ts), so its
// limits are those that can be lent.
import * as z from "zod/mini";
import { text } from "./fields.ts";
import { limitFaults, limits, type Limit, type Window } from "./ledger/limit.ts";
import { faultAt, parseWith, type Fault, type Parsed } from "./parse.ts";
import { organisationId } from "./tenant.ts";
import { zone, zoneFaults } from "./zone.ts";

export const organisation = z.strictObject({
  id: organisationId,
  /** For people. */
  name: z.optional(text(200)),
  /** The calendar of its windows; its tenants have the same. */
  zone,
  limits,
});

export type Organisation = z.infer<typeof organisation>;

export function parseOrganisation(document: unknown): Parsed<Organisation> {
  const parsed = parseWith<Organisation>(organisation, document);
  if (parsed.kind === "faulty") return parsed;
  const faults = [
    ...zoneFaults(parsed.value.zone),
    ...limitFaults(parsed.value.limits, "limits"),
    ...parsed.value.limits.flatMap(unlendable),
  ];
  return faults.length === 0 ? parsed : { kind: "faulty", faults };
}

/** A rate has no amount that could be lent, and a conversation is one tenant's. */
const UNLENDABLE: readonly Window[] = ["minute", "session"];

function unlendable({ window }: Limit, index: number): Fault[] {
  if (!UNLENDABLE.includes(window)) return [];
  const problem = `"${window}" cannot be shared by tenants; give each of them such a limit`;
  return [faultAt(`limits.${index}.window`, problem)];
}
