// Whether a client names its prompts itself, for a provider to route by.
import type { Member } from "../../stream/json-text.ts";
import { PROMPT_KEY_FIELD } from "./fields.ts";

/** `found`: the body's members. */
export function setsPromptKey(body: string, found: readonly Member[]): boolean {
  const member = found.findLast(({ key }) => key === PROMPT_KEY_FIELD);
  return member !== undefined && body.slice(member.valueStart, member.valueEnd) !== "null";
}
