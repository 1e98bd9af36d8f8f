// What a tenant's clients said of answers, in their own words, for the tenant's operator. Nothing here changes anything.
import { isoTime } from "../instant.ts";
import { askFeedback } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { findTenant } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";

export const FEEDBACK_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/feedback",
    name: "listFeedback",
    query: ["after", "limit"],
    run: listFeedback,
  },
];

/** When an opinion came and of which request: several come in one millisecond. */
const PLACE = /^(\d{1,15}):([A-Za-z0-9-]{1,64})$/;

async function listFeedback({ ids, after, limit, deps }: Call): Promise<Answered | Refusal> {
  const place = PLACE.exec(after);
  if (after !== "" && place === null)
    return { kind: "invalid", parameter: "after", problem: "must be the `next` of a page" };
  const tenant = await findTenant(ids["id"] ?? "", deps);
  if ("kind" in tenant) return tenant;
  const [, atMs = "0", requestId = ""] = place ?? [];
  const found = await askFeedback(deps, tenant.id, (feedback) =>
    feedback.list(Number(atMs), requestId, limit + 1),
  );
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return answer({
    object: "list",
    data: page.map((opinion) => ({
      object: "feedback",
      request_id: opinion.requestId,
      key_id: opinion.keyId,
      score: opinion.score,
      comment: opinion.comment,
      at: isoTime(opinion.atMs),
    })),
    next: found.length > limit && last !== undefined ? `${last.atMs}:${last.requestId}` : null,
  });
}
