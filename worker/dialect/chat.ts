// OpenAI's chat completions: the first dialect, and the form that upstreams speak, so its bytes pass untouched.
import { OUTPUT_BOUND } from "../public-failure.ts";
import type { Dialect } from "./dialect.ts";
import { readChat } from "./chat/read.ts";
import {
  closeEvents,
  cutEvents,
  deltaEvent,
  explainBody,
  explainEvent,
  openEvent,
  writeAnswer,
} from "./chat/write.ts";

export const chat: Dialect = {
  name: "chat",
  path: "/v1/chat/completions",
  passesBytes: true,
  read: readChat,
  write: writeAnswer,
  event: { open: openEvent, delta: deltaEvent, cut: cutEvents, close: closeEvents },
  fail: {
    body: (failure) => errorText(failure),
    event: (failure) => `data: ${errorText(failure)}\n\n`,
  },
  explain: { body: explainBody, event: explainEvent, isLast: (data) => data === "[DONE]" },
};

function errorText(failure: {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}): string {
  const { type, code } = failure;
  const message = failure.message.replaceAll(OUTPUT_BOUND, "max_completion_tokens");
  const param = failure.param === OUTPUT_BOUND ? "max_completion_tokens" : failure.param;
  return JSON.stringify({ error: { message, type, param, code } });
}
