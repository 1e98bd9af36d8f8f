// The name under which a provider may route prompts that begin alike to one machine, where the catalog says that it takes one.
import type { Upstream } from "../policies/catalog.ts";
import { cacheHint } from "../policies/prefix/cache-hint.ts";
import { NO_SECRET, type Prompt } from "./prompt.ts";

/**
 * One for a tenant and a beginning, in every isolate the same, so it is made with nothing that an isolate would have to ask
 * for. A provider, which has the prompt itself, could check a guess at the tenant's id by it and learn nothing else.
 */
export function promptKeyOf(
  { id, promptCache }: Pick<Upstream, "id" | "promptCache">,
  promptOf: () => Prompt,
): string | null {
  if (promptCache?.sendsKey !== true) return null;
  const { tenantId, keys } = promptOf();
  return cacheHint(NO_SECRET, JSON.stringify([id, tenantId]), keys);
}
