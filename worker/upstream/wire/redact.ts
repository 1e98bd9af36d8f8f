// Takes out of an upstream's error what no caller may read: the secret that was sent, keys and accounts that providers
// repeat, and where the engine stands. What it says about the request stays.
import type { UpstreamError } from "./read-error.ts";

const HIDDEN = "[hidden]";

/**
 * Keys as providers write them, whole or masked in the middle (`sk-ab***yz`), the accounts that belong to them, what
 * follows the word of a header, and addresses of machines.
 */
const SECRETS = [
  /\b(?:sk|pk|rk|gsk|hf|xai|org|proj)[-_][A-Za-z0-9_*.-]+/g,
  /\bAIza[A-Za-z0-9_-]+/g,
  /\bBearer\s+\S+/gi,
  /\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g,
];

export function redact(
  error: UpstreamError,
  call: { readonly url: string; readonly secret: string | null },
): UpstreamError {
  const patterns = [...hostsOf(call.url).map(wholeWord), ...SECRETS];
  const clean = (text: string | null): string | null => {
    if (text === null) return null;
    let shown = call.secret === null ? text : text.replaceAll(call.secret, HIDDEN);
    for (const pattern of patterns) shown = shown.replaceAll(pattern, HIDDEN);
    return shown;
  };
  return {
    ...error,
    message: clean(error.message),
    type: clean(error.type),
    code: clean(error.code),
    param: clean(error.param),
  };
}

/** With its port first, so that no port is left behind. */
function hostsOf(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { host, hostname } = new URL(url);
  return [host, hostname];
}

/** A host may be called `vllm`, which is no reason to cut it out of other words. */
function wholeWord(name: string): RegExp {
  return new RegExp(`(?<![\\w-])${RegExp.escape(name)}(?![\\w-])`, "gi");
}
