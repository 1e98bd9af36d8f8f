// `POST /v1/feedback`: what a client thinks of an answer. Kept for the tenant; a request that is not the tenant's,
// or that nobody knows, is 404 alike. The head that chose for it learns of the score afterwards.
import * as z from "zod/mini";
import { number } from "../policies/fields.ts";
import type { Verdict } from "../policies/head/decision.ts";
import { parseWith } from "../policies/parse.ts";
import type { Tenant } from "../policies/tenant.ts";
import { authenticate, type Caller } from "./admit.ts";
import { askEach } from "./ask-each.ts";
import type { Dependencies } from "./dependencies.ts";
import { invalidField, type Failure } from "./failure.ts";
import { GATHER_MS } from "./lessons.ts";
import { logError } from "./log.ts";
import { readBody } from "./request-body.ts";
import { Patience } from "./stream/patience.ts";
import { pause } from "./stream/wait.ts";
import { hearVerdicts, policiesOf } from "./verdicts.ts";

/** Room for a paragraph; more is an essay that nobody asked for. */
const COMMENT_CHARS_MAX = 2000;
/** A score, an id and a comment in any encoding. */
const BODY_BYTES_MAX = 16_384;

const opinion = z.strictObject({
  /** The answer's `x-request-id`. */
  request_id: z.string().check(z.regex(/^[A-Za-z0-9-]{1,64}$/)),
  /** 0 is useless, 1 is as good as could be. */
  score: number(0, 1),
  comment: z.optional(z.nullable(z.string().check(z.maxLength(COMMENT_CHARS_MAX)))),
});

export async function takeFeedback(
  request: Request,
  deps: Dependencies,
): Promise<{ readonly kind: "kept"; readonly body: object } | Failure> {
  const caller = await authenticate(request, deps.configuration, deps.now());
  if (caller.kind === "refused") return caller.failure;
  const patience = new Patience();
  const text = await readBody(request, BODY_BYTES_MAX, patience);
  patience.close();
  if (typeof text !== "string") return text;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return invalidField("body", "must be JSON: {request_id, score, comment?}");
  }
  const parsed = parseWith<z.infer<typeof opinion>>(opinion, document);
  if (parsed.kind === "faulty") {
    const [first] = parsed.faults;
    return invalidField(first?.path || "body", first?.problem ?? "is not valid");
  }
  const { request_id: requestId, score, comment } = parsed.value;
  const { tenant, keyId } = caller;
  if (!(await isKnown(requestId, caller, deps))) return { kind: "request-unknown", requestId };
  await deps.feedbackOf(tenant.id).keep({ requestId, keyId, score, comment: comment ?? null });
  deps.finish(teachHeads(tenant, { requestId, score, grader: null }, deps));
  return { kind: "kept", body: { object: "feedback", request_id: requestId, score } };
}

/** As long as a decision may be on its way to its head: an opinion can be as quick as a click. */
const LATE_MS = 2 * GATHER_MS;

/** The opinion is kept already; what a head makes of it is nobody's to wait for. */
async function teachHeads(tenant: Tenant, verdict: Verdict, deps: Dependencies): Promise<void> {
  try {
    const headOf = (policy: string) => deps.headOf(tenant.id, policy);
    const [heard] = await hearVerdicts(policiesOf(tenant), [verdict], headOf);
    if (heard !== "unknown") return;
    await pause(LATE_MS, new AbortController().signal);
    await hearVerdicts(policiesOf(tenant), [verdict], headOf);
  } catch (error) {
    logError("verdict-lost", { tenant: tenant.id, problem: String(error) });
  }
}

/**
 * By the ledger that the key's calls are held in, or by another of the tenant's: a request may have been another key's, or
 * of a time when the tenant had other shards.
 */
async function isKnown(
  requestId: string,
  { tenant, ledger }: Caller,
  deps: Dependencies,
): Promise<boolean> {
  if (await deps.ledgerOf(ledger).knows(requestId)) return true;
  const others = (await deps.ledgers.namesOf(tenant)).filter((name) => name !== ledger);
  const heard = await askEach(others, (name) => deps.ledgerOf(name).knows(requestId));
  if (heard.some((one) => one.kind === "answered" && one.answer)) return true;
  for (const one of heard) if (one.kind === "failed") throw one.error;
  return false;
}
