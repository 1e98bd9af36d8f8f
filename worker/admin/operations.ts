// What the API's description says of each route beside what the route itself takes: its sentence, and the shapes of its body
// and of its answers. By the route's name; no part of the built Worker.
import type { HeadAct } from "../../durable/head.ts";
import type { Answered } from "./route.ts";
import type { ShapeName } from "./shapes.ts";

export interface Operation {
  readonly summary: string;
  /** Where it takes one. */
  readonly body?: ShapeName;
  /** What it answers when it is not refused. */
  readonly answers: Readonly<Partial<Record<Answered["status"], ShapeName>>>;
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...listed("Organisations", "id"),
  ...documentOf("Organisation"),
  ...removalOf("Organisation"),
  ...listed("Tenants", "id"),
  ...documentOf("Tenant"),
  ...removalOf("Tenant"),
  ...listed("Policies", "name"),
  ...documentOf("Policy"),
  ...removalOf("Policy"),
  ...documentOf("Catalog"),

  listKeys: {
    summary: "Lists a tenant's keys by id, dead ones too; never a secret.",
    answers: { 200: "KeyPage" },
  },
  createKey: {
    summary: "Makes a key and shows its secret, which is kept nowhere and never shown again.",
    body: "KeyOrder",
    answers: { 200: "NewKey", 201: "NewKey" },
  },
  readKey: {
    summary: "Reads a key by the id that names it in logs; never its secret.",
    answers: { 200: "StoredKey" },
  },
  rotateKey: {
    summary:
      "Makes a key like this one, or with other limits, and ends this one when the overlap has passed.",
    body: "Rotation",
    answers: { 200: "NewKey", 201: "NewKey" },
  },
  revokeKey: {
    summary:
      "Revokes a key for good: its tenant's ledger refuses it before this answers (200), or is told until it has heard (202).",
    answers: { 200: "RevokedKey", 202: "RevokedKey" },
  },

  readTenantUsage: {
    summary:
      "What a tenant, its tags, keys and users spent and hold in the windows that are open now, beside their limits, over all of its ledgers; `missing` names those that did not answer. Pages are of scopes.",
    answers: { 200: "Usage" },
  },
  readOrganisationUsage: {
    summary:
      "What the tenants of an organisation reported that they spent of its limits, and what is lent to them, of which they may have spent some.",
    answers: { 200: "OrganisationUsage" },
  },
  readJournal: {
    summary:
      "Every change of the tenant's budgets after an entry's `seq`, oldest first, an entry a line. The last line, `chain`, has the hash chain's links, and what to send as `after` for the next page. Where the tenant has or had shards, each ledger's lines stand between a line `ledger` and its own `chain`, whose last `next` is the next `after`.",
    answers: { 200: "JournalLine" },
  },
  readOrganisationJournal: {
    summary:
      "Every loan of the organisation's budgets and every report on one after an entry's `seq`, as in a tenant's journal.",
    answers: { 200: "JournalLine" },
  },
  refundCall: {
    summary:
      "Gives back some of what a call was charged, in the windows that it was charged in. The same `refund_id` twice is one refund.",
    body: "RefundOrder",
    answers: { 200: "Refund" },
  },

  readRouter: {
    summary:
      "How the router does under one policy: shares, expected against actual tokens and scores, calibration, and regret with intervals.",
    answers: { 200: "Router" },
  },
  ...acts({
    freeze: "Has the router advise by what it has learned, and learn no more.",
    unfreeze: "Has a frozen router learn again.",
    reset: "Forgets what the router learned and counted: the shipped probe decides again.",
  }),
  gradeAnswers: {
    summary:
      "Tells how right answers were, by the operator's own grader, at most a hundred at once. The same grade twice is one grade, another one takes its place.",
    body: "GradeOrder",
    answers: { 200: "GradeResults" },
  },

  listUpstreams: {
    summary: "How the catalog's upstreams are: the breaker's state, and whether the secret is set.",
    answers: { 200: "UpstreamPage" },
  },
  readPrompts: {
    summary:
      "How the tenant's prompts are laid out: which of them share most of their text and part too early for any cache, and what to move. Counts and places, never text.",
    answers: { 200: "Prompts" },
  },
  listFeedback: {
    summary:
      "What the tenant's clients said of answers (`POST /v1/feedback`), scores and comments, oldest first. Kept for 70 days.",
    answers: { 200: "FeedbackPage" },
  },
  readPool: {
    summary:
      "How an upstream's pool is, as its prefix index knows: replicas, what is cached where, predictions against what engines report, the line, and alarms.",
    answers: { 200: "Pool" },
  },
  writeIsolation: {
    summary:
      "Keeps what a self-test found of replicas' isolation (`npm run -s isolation-test`). One that is `shared` gets no calls until it is found `kept`, or null takes the finding back; `unproven` does not clear it.",
    body: "IsolationOrder",
    answers: { 200: "PoolIsolation" },
  },
  exportConfiguration: {
    summary: "Everything as one document, without a secret; its revision is the `etag`.",
    answers: { 200: "Configuration" },
  },
  importConfiguration: {
    summary:
      "Takes the place of everything, or changes nothing. Keys that it does not name are revoked; none comes back to life.",
    body: "Configuration",
    answers: { 200: "Imported" },
  },
  readAudit: {
    summary: "Who changed what and when, oldest first, after a line's number.",
    answers: { 200: "AuditPage" },
  },
  readPublication: {
    summary: "What KV was not yet seen to hold, and revoked keys that a ledger has not confirmed.",
    answers: { 200: "Publication" },
  },
  publishAgain: {
    summary: "Has every document compared with KV now, and put where they differ.",
    answers: { 202: "Publication" },
  },

  readOpenApi: { summary: "This document.", answers: { 200: "Schema" } },
  readSchema: {
    summary:
      "The JSON Schema of a document: `catalog.json`, `policy.json`, `organisation.json`, `tenant.json` or `key.json`.",
    answers: { 200: "Schema" },
  },
};

type Operations = Readonly<Record<string, Operation>>;
type Title = "Organisation" | "Tenant" | "Policy" | "Catalog";

function listed(plural: "Organisations" | "Tenants" | "Policies", idName: string): Operations {
  const pages = {
    Organisations: "OrganisationPage",
    Tenants: "TenantPage",
    Policies: "PolicyPage",
  };
  const summary = `Lists ${plural.toLowerCase()} in the order of their ${idName}s.`;
  return { [`list${plural}`]: { summary, answers: { 200: pages[plural] as ShapeName } } };
}

function documentOf(title: Title): Operations {
  const kind = title.toLowerCase();
  return {
    [`read${title}`]: {
      summary: `Reads the ${kind}, with its version as \`etag\`.`,
      answers: { 200: `Stored${title}` },
    },
    [`write${title}`]: {
      summary: `Writes the ${kind} whole, checked by itself and against everything else.`,
      body: title,
      answers: { 200: `Written${title}`, 201: `Written${title}` },
    },
  };
}

function removalOf(title: Title): Operations {
  const summary = `Removes the ${title.toLowerCase()}, unless something that stands still needs it.`;
  return { [`remove${title}`]: { summary, answers: { 200: "Removed" } } };
}

function acts(summaries: Readonly<Record<HeadAct, string>>): Operations {
  return Object.fromEntries(
    Object.entries(summaries).map(([act, summary]) => [
      `${act}Router`,
      { summary, answers: { 200: "RouterAct" } },
    ]),
  );
}
