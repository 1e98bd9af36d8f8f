// The word by which vLLM orders its queue. A client's own was stripped before: it would pass all others by it.
import { applyEdits, editMembers } from "../../stream/json-text.ts";

export function withPriority(body: string, priority: number): string {
  return applyEdits(body, editMembers(body, { priority: String(priority) }));
}
