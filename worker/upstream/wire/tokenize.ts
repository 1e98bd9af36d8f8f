// What an engine is asked for a prompt's tokens, and what it answers: `/tokenize`, beside `/v1`, of vLLM and SGLang. It
// renders the same template as for an answer, so the tokens are those that its cache is named by.
import { members } from "../../stream/json-text.ts";
import { isFields, parseFields } from "./parsed.ts";

/** What of a body decides how the template renders it. */
const RENDERED = ["model", "messages", "tools", "chat_template", "chat_template_kwargs"];
/** Of 10 characters each, what stands round them included: as much as the longest context in use. */
export const TOKENS_BYTES_MAX = 16 * 1024 * 1024;

export function tokenizeUrl(baseUrl: string): string {
  return `${baseUrl.replace(/\/+$/, "").replace(/\/v1$/, "")}/tokenize`;
}

/** Out of a body that went to `/v1/chat/completions`. */
export function tokenizeBody(body: string): string {
  const kept = members(body)
    .filter(({ key }) => RENDERED.includes(key))
    .map(({ key, valueStart, valueEnd }) => `"${key}":${body.slice(valueStart, valueEnd)}`);
  return `{${[...kept, '"add_generation_prompt":true'].join(",")}}`;
}

/** Null where it is no list of ids. Never throws. */
export function readTokens(text: string): readonly number[] | null {
  const body = parseFields(text);
  const tokens = isFields(body) ? body["tokens"] : undefined;
  if (!Array.isArray(tokens)) return null;
  const isId = (id: unknown): boolean => Number.isSafeInteger(id) && (id as number) >= 0;
  return (tokens as readonly unknown[]).every(isId) ? (tokens as readonly number[]) : null;
}
