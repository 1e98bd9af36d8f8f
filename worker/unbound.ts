// A deployment without one of its objects answers nothing. A binding is easily lost (wrangler's environments inherit none),
// and a gateway that fell back to its own memory would spend what nobody counts.
import { chat } from "./dialect/chat.ts";
import { logError } from "./log.ts";
import { failureResponse } from "./serve.ts";

const NEEDED = [
  "CONFIGURATION",
  "LEDGER",
  "REGISTRY",
  "CONVERSATION",
  "BREAKER",
  "FEEDBACK",
  "HEAD",
  "PREFIX_INDEX",
];

/** Whose bindings were found complete: an isolate's environment stays the same. */
let complete: object | null = null;
let isTold = false;

/** The refusal of every request; null when nothing is missing. */
export function refuseUnbound(env: object, requestId: () => string): Response | null {
  if (env === complete) return null;
  const missing = NEEDED.filter((name) => (Reflect.get(env, name) ?? null) === null);
  if (missing.length === 0) {
    complete = env;
    return null;
  }
  const what = `the binding ${missing.join(", ")} is missing`;
  if (!isTold) {
    const mend = "declare it in wrangler.toml, in every [env] again, and deploy anew";
    logError("binding-missing", { missing, mend });
    isTold = true;
  }
  return failureResponse({ kind: "not-configured", what }, chat, { "x-request-id": requestId() });
}
