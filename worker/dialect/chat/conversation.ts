// What a list of messages says of its conversation: the last question, what came before it, and how much of it there is.
import type { Ask } from "../dialect.ts";
import { messageKeyFault, type FieldFault } from "./keys.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** As many turns as no context holds; each costs objects here and at the engine. */
const MESSAGES_MAX = 10_000;
/** Of all messages together: some clients send each line of a file as a part. */
const PARTS_MAX = 20_000;

type Conversation = Pick<
  Ask,
  "query" | "earlierQuery" | "userTurns" | "hasHistory" | "isToolResult" | "conversationSeed"
>;

export function readMessages(messages: readonly unknown[]): Conversation | FieldFault {
  if (messages.length > MESSAGES_MAX)
    return {
      field: "messages",
      problem: `must be at most ${MESSAGES_MAX} messages, not ${messages.length}`,
    };
  let query = "";
  let firstUser: string | null = null;
  let system = "";
  let earlierQuery: string | null = null;
  let userTurns = 0;
  let hasHistory = false;
  let parts = 0;
  let lastRole = "";
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    if (!isFields(message))
      return { field, problem: "must be an object with `role` and `content`" };
    const keyFault = messageKeyFault(message, field);
    if (keyFault !== null) return keyFault;
    const { role, content } = message;
    if (typeof role !== "string")
      return { field: `${field}.role`, problem: "must be a string such as `user`" };
    const text = readText(content ?? null);
    if (text === null)
      return { field: `${field}.content`, problem: "must be a string, an array of parts, or null" };
    if (Array.isArray(content)) parts += content.length;
    if (parts > PARTS_MAX)
      return {
        field: `${field}.content`,
        problem: `passes ${PARTS_MAX} parts in all; join parts of text`,
      };
    lastRole = role;
    if (role === "user") {
      userTurns += 1;
      query = text;
      firstUser ??= text;
    } else if (role === "system" || role === "developer") {
      system += text;
    } else {
      hasHistory = true;
      if (userTurns > 0) earlierQuery = query;
    }
  }
  return {
    query,
    earlierQuery,
    userTurns,
    hasHistory,
    isToolResult: lastRole === "tool" || lastRole === "function",
    conversationSeed: JSON.stringify([system, firstUser ?? ""]),
  };
}

/** The text of a message's content; null when it is no content. */
function readText(content: unknown): string | null {
  if (content === null) return "";
  if (typeof content === "string") return content;
  if (!Array.isArray(content) || !content.every(isFields)) return null;
  return content
    .flatMap(({ text }): string[] => (typeof text === "string" ? [text] : []))
    .join("\n");
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
