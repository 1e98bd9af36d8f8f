// DiffAdapt's own reading of difficulty, for a policy that asks for it: the question's last hidden state from a pooling
// replica, and its class by that model's head. Before the choice, within a deadline, and never the end of a request:
// whatever goes wrong, the text decides and the explanation says why.
import type { Features } from "../classifiers/features.ts";
import { findModel, findUpstream } from "../policies/catalog.ts";
import type { HiddenState } from "../policies/choice.ts";
import { readDifficulty } from "../policies/diffadapt-head.ts";
import { MODES } from "../policies/mode.ts";
import type { Policy } from "../policies/policy.ts";
import type { Admission } from "./admit.ts";
import { callReplica, type Replica } from "./call-replica.ts";
import type { Dependencies } from "./dependencies.ts";
import type { CallAccount } from "./open-call.ts";
import type { Patience } from "./stream/patience.ts";
import { TIMED_OUT } from "./stream/wait.ts";

/** As much as the probe is promised to read; a longer prompt's prefill would not be short. */
const QUERY_CHARS_MAX = 32_768;

export interface Asking {
  readonly requestId: string;
  readonly admission: Admission;
  readonly policy: Policy;
  readonly variant: string | null;
  readonly features: Features;
  readonly patience: Patience;
}

export interface Sensed {
  readonly hiddenState: HiddenState;
  /** Of the call, where one was held. */
  readonly account: CallAccount | null;
}

/** Null where the policy leaves difficulty to the text. */
export async function readHiddenState(asking: Asking, deps: Dependencies): Promise<Sensed | null> {
  const { policy, patience } = asking;
  const deadlineMs = policy.difficultyDeadlineMs;
  if (policy.difficultyTier === "text") return null;
  const replica = replicaFor(asking);
  if ("reason" in replica) return unread(replica.reason);
  const { id } = replica.model;
  const tenantId = asking.admission.tenant.id;
  const { difficultyHeads: heads } = deps;
  if (heads.isResting(tenantId, id))
    return unread(`the replica of ${id} failed several times just now`);
  const finding = heads.find(replica.model);
  const found = await patience.wait(finding, deadlineMs);
  if (found === TIMED_OUT) {
    // It goes on, so that the next request finds the head in the isolate.
    deps.finish(finding);
    return unread(`the head of ${id} took longer than ${deadlineMs} ms`);
  }
  if (found.kind === "absent") return unread(found.reason);

  const said = await callReplica(asking, replica, deadlineMs, deps);
  if (said.kind === "nothing") {
    if (said.isItsFault) heads.heard(tenantId, id, false);
    return { ...unread(said.reason), account: said.account };
  }
  const read = readDifficulty(found.head, said.state);
  heads.heard(tenantId, id, read.kind === "read");
  const { account } = said;
  return read.kind === "read"
    ? { hiddenState: { kind: "read", model: id, class: read.class }, account }
    : { ...unread(`the state of ${id} cannot be read: ${read.problem}`), account };
}

/** For a plan that calls nobody. */
export function leaveUnread({ difficultyTier }: Policy): Sensed | null {
  return difficultyTier === "text" ? null : unread("a preview asks no replica");
}

/** Of the policy's models with a replica the first, those that think before the others; or why none is asked. */
function replicaFor({
  admission,
  policy,
  features,
}: Asking): Replica | { readonly reason: string } {
  const { asked, ask, catalog, tenant } = admission;
  if (asked.model !== null) return { reason: "a model by name gets its body as it was written" };
  if (ask.isToolResult) return { reason: "a tool's result goes on with what its turn began" };
  if (features.kind === "chat") return { reason: "talk has no class of difficulty" };
  if (ask.query.length > QUERY_CHARS_MAX)
    return { reason: `the question is longer than ${QUERY_CHARS_MAX} characters` };
  for (const id of [...MODES.toReversed().map((mode) => policy.modes[mode]), ...policy.fallback]) {
    const model = id === undefined ? undefined : findModel(catalog, id);
    const pooling = model?.pooling;
    if (model === undefined || pooling === undefined) continue;
    if (tenant.models !== undefined && !tenant.models.includes(model.id)) continue;
    const upstream = findUpstream(catalog, pooling.upstream);
    if (upstream !== undefined) return { model, pooling, upstream };
  }
  return { reason: "no model of the policy declares a pooling replica" };
}

function unread(reason: string): Sensed {
  return { hiddenState: { kind: "unread", reason }, account: null };
}
