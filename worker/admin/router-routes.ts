// What a tenant's traffic taught its router: looked at, graded, frozen and reset. It stands in the tenant's heads; who froze or
// reset one stands there too, and in the log.
import type { HeadAct, HeadReport } from "../../durable/head.ts";
import { SCORED_MIN, type Comparison } from "../../policies/head/report.ts";
import { parsePolicy } from "../../policies/policy.ts";
import { parseWith } from "../../policies/parse.ts";
import { isoTime } from "../instant.ts";
import { logEvent } from "../log.ts";
import type { Tenant } from "../../policies/tenant.ts";
import { hearVerdicts, policiesOf } from "../verdicts.ts";
import { askHead, askRegistry } from "./ask.ts";
import { answer } from "./document-routes.ts";
import { findTenant } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { Answered, Call, Route } from "./route.ts";
import { gradeOrder, type GradeOrderBody } from "./bodies.ts";

/** A hundred grades with long ids and names, and white space. */
const GRADES_BYTES_MAX = 65_536;

const ACTS = ["freeze", "unfreeze", "reset"] as const satisfies readonly HeadAct[];

export const ROUTER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/tenants/{id}/router",
    name: "readRouter",
    query: ["policy"],
    run: readRouter,
  },
  ...ACTS.map((act): Route => ({
    method: "POST",
    path: `/tenants/{id}/router/${act}`,
    name: `${act}Router`,
    query: ["policy", "dry_run"],
    run: (call) => actOn(call, act),
  })),
  {
    method: "POST",
    path: "/tenants/{id}/grades",
    name: "gradeAnswers",
    bodyBytesMax: GRADES_BYTES_MAX,
    run: gradeAnswers,
  },
];

async function readRouter(call: Call): Promise<Answered | Refusal> {
  const { deps } = call;
  const found = await findHead(call);
  if ("kind" in found) return found;
  const { tenant, policy } = found;
  const stored = await askRegistry(deps, (registry) => registry.read("policy", policy));
  const parsed = stored === null ? null : parsePolicy(JSON.parse(stored.documentText));
  const learning = parsed?.kind === "parsed" ? parsed.value.learning : "on";
  const report = await askHead(deps, tenant.id, policy, (head) => head.report());
  return answer({
    object: "router",
    tenant: tenant.id,
    policy,
    at: isoTime(deps.now()),
    learning,
    ...show(report),
  });
}

async function actOn(call: Call, act: HeadAct): Promise<Answered | Refusal> {
  const { deps, actor, isDryRun } = call;
  const found = await findHead(call);
  if ("kind" in found) return found;
  const { tenant, policy } = found;
  const { changes } = await askHead(deps, tenant.id, policy, (head) =>
    head.act(act, actor, isDryRun),
  );
  if (!isDryRun) {
    deps.forgetHead(tenant.id, policy);
    logEvent("admin-router", { tenant: tenant.id, policy, act, actor, changes });
  }
  return answer({
    object: "router_act",
    tenant: tenant.id,
    policy,
    act,
    changes,
    dry_run: isDryRun,
  });
}

async function gradeAnswers({ ids, bodyText, actor, deps }: Call): Promise<Answered | Refusal> {
  const parsed = parseWith<GradeOrderBody>(gradeOrder, JSON.parse(bodyText));
  if (parsed.kind === "faulty") return parsed;
  const tenant = await findTenant(ids["id"] ?? "", deps);
  if ("kind" in tenant) return tenant;
  const verdicts = parsed.value.map(({ request_id: requestId, score, grader }) => ({
    requestId,
    score,
    grader,
  }));
  const outcomes = await hearVerdicts(policiesOf(tenant), verdicts, (policy) => ({
    hear: (asked) => askHead(deps, tenant.id, policy, (head) => head.hear(asked)),
  }));
  const graders = [...new Set(verdicts.map(({ grader }) => grader))];
  logEvent("admin-grades", {
    tenant: tenant.id,
    count: verdicts.length,
    graders,
    actor,
  });
  const data = verdicts.map(({ requestId }, index) => ({
    request_id: requestId,
    outcome: outcomes[index],
  }));
  return answer({ object: "list", data });
}

async function findHead({
  ids,
  policy,
  deps,
}: Call): Promise<Refusal | { readonly tenant: Tenant; readonly policy: string }> {
  const tenant = await findTenant(ids["id"] ?? "", deps);
  if ("kind" in tenant) return tenant;
  const known = policiesOf(tenant);
  if (policy !== null && !known.includes(policy)) {
    const problem = `must be one of the tenant's: ${known.join(", ")}`;
    return { kind: "invalid", parameter: "policy", problem };
  }
  return { tenant, policy: policy ?? tenant.policy };
}

function show(report: HeadReport): object {
  const { sinceMs, isFrozen, lessons, kept, decisions, scored, dropped, drift } = report;
  return {
    since: isoTime(sinceMs),
    frozen: isFrozen,
    lessons,
    kept,
    decisions,
    scored,
    dropped,
    scored_min: SCORED_MIN,
    drift: {
      alarmed: drift.isAlarmed,
      since: drift.sinceMs === null ? null : isoTime(drift.sinceMs),
    },
    arms: report.arms.map(({ tokens, ...arm }) => ({ ...arm, output_tokens: tokens })),
    calibration: report.calibration,
    regret: report.regret.map(showComparison),
    acts: report.acts.map(({ atMs, actor, act }) => ({ at: isoTime(atMs), actor, act })),
  };
}

function showComparison({ regret, unmeasured, ...comparison }: Comparison): object {
  const interval = regret ?? { value: null, low: null, high: null };
  return { ...comparison, ...interval, unmeasured_arms: unmeasured };
}
