// Events of a chat-completions stream as an engine writes them, for scripts.

/** An event in the usual framing. */
export function sse(data: string): Buffer {
  return Buffer.from(`data: ${data}\n\n`);
}

export function role(): string {
  return choice({ role: "assistant", content: "" }, null);
}

export function chunk(text: string): string {
  return choice({ content: text }, null);
}

/** A word in an event of about so many bytes, the rest of which is no text of the answer. */
export function padded(bytes: number): string {
  const text = choice({ content: "word" }, null);
  return `${text.slice(0, -1)},"padding":"${"x".repeat(bytes)}"}`;
}

export function finish(reason = "stop"): string {
  return choice({}, reason);
}

/** The extra chunk of `include_usage`. */
export function usageChunk(inputTokens: number, outputTokens: number): string {
  return JSON.stringify({
    ...HEAD,
    choices: [],
    usage: {
      prompt_tokens: inputTokens,
      completion_tokens: outputTokens,
      total_tokens: inputTokens + outputTokens,
    },
  });
}

/** The same with any counts. */
export function usageOf(usage: object): string {
  return JSON.stringify({ ...HEAD, choices: [], usage });
}

/** A chunk that holds anything. */
export function delta(said: object): string {
  return choice(said, null);
}

export function done(): string {
  return "[DONE]";
}

const HEAD = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "scripted" };

function choice(said: object, finishReason: string | null): string {
  const of = { index: 0, delta: said, finish_reason: finishReason };
  return JSON.stringify({ ...HEAD, choices: [of] });
}
