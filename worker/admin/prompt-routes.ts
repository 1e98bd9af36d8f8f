// How a tenant's prompts are laid out, as isolates found it (worker/prompt-lint.ts). Nothing here changes anything.
import { FINDINGS_KEPT_MS, joinFindings } from "../../policies/prefix/findings.ts";
import { isoTime } from "../instant.ts";
import { LOOKED_SHARE } from "../prompt-lint.ts";
import { askFeedback } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { findTenant } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";

export const PROMPT_ROUTES: readonly Route[] = [
  { method: "GET", path: "/tenants/{id}/prompts", name: "readPrompts", run: readPrompts },
];

async function readPrompts({ ids, deps }: Call): Promise<Answered | Refusal> {
  const tenant = await findTenant(ids["id"] ?? "", deps);
  if ("kind" in tenant) return tenant;
  const found = await askFeedback(deps, tenant.id, (feedback) => feedback.promptFindings());
  const nowMs = deps.now();
  return answer({
    object: "prompts",
    tenant: tenant.id,
    at: isoTime(nowMs),
    since: isoTime(nowMs - FINDINGS_KEPT_MS),
    looked_at_share: LOOKED_SHARE,
    data: joinFindings(found).map(
      ({ model, prompts, sharedShare, partsAtUnits, partKind, advice }) => ({
        model,
        prompts,
        shared_share: sharedShare,
        parts_at_units: partsAtUnits,
        part_kind: partKind,
        advice,
      }),
    ),
  });
}
