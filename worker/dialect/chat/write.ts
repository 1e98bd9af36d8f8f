// Writes chat-completions answers out of deltas, for strategies whose answer is not one upstream's bytes.
import type { Usage } from "../../../policies/account.ts";
import type { AnswerHead, Delta } from "../dialect.ts";

export function writeAnswer(head: AnswerHead, deltas: readonly Delta[]): string {
  let content = "";
  let reasoning = "";
  let finishReason = "stop";
  let usage: Usage | null = null;
  const calls = new Map<number, { id: string; name: string; arguments: string }>();
  for (const delta of deltas) {
    switch (delta.kind) {
      case "text":
        content += delta.text;
        break;
      case "reasoning":
        reasoning += delta.text;
        break;
      case "tool-call": {
        const call = calls.get(delta.index) ?? { id: "", name: "", arguments: "" };
        calls.set(delta.index, {
          id: delta.id ?? call.id,
          name: delta.name ?? call.name,
          arguments: call.arguments + delta.arguments,
        });
        break;
      }
      case "finish":
        finishReason = delta.reason;
        break;
      case "usage":
        usage = delta.usage;
        break;
    }
  }
  const toolCalls = [...calls.entries()]
    .toSorted(([left], [right]) => left - right)
    .map(([, call]) => toolCall(call));
  return JSON.stringify({
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion",
    created: head.createdSeconds,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: content === "" && toolCalls.length > 0 ? null : content,
          ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
          ...(toolCalls.length === 0 ? {} : { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: finishReason,
      },
    ],
    ...(usage === null ? {} : { usage: usageFields(usage) }),
  });
}

export function openEvent(head: AnswerHead): string {
  return chunk(head, { role: "assistant", content: "" }, null);
}

export function deltaEvent(head: AnswerHead, delta: Delta): string {
  switch (delta.kind) {
    case "text":
      return chunk(head, { content: delta.text }, null);
    case "reasoning":
      return chunk(head, { reasoning_content: delta.text }, null);
    case "tool-call":
      return chunk(
        head,
        {
          tool_calls: [
            {
              index: delta.index,
              ...(delta.id === null ? {} : { id: delta.id, type: "function" }),
              function: {
                ...(delta.name === null ? {} : { name: delta.name }),
                arguments: delta.arguments,
              },
            },
          ],
        },
        null,
      );
    case "finish":
      return chunk(head, {}, delta.reason);
    case "usage":
      return head.wantsUsage
        ? `data: ${JSON.stringify({ ...chunkHead(head), choices: [], usage: usageFields(delta.usage) })}\n\n`
        : "";
  }
}

export function cutEvents(head: AnswerHead, answers: readonly number[]): string {
  return answers.map((index) => chunk(head, {}, "length", index)).join("");
}

export function closeEvents(): string {
  return "data: [DONE]\n\n";
}

export function explainEvent(head: AnswerHead, explanation: string): string {
  const chunkText = JSON.stringify({ ...chunkHead(head), choices: [] });
  return `data: ${explainBody(chunkText, explanation)}\n\n`;
}

/** Puts `sluice` behind the last member; the answer's own text is not touched. */
export function explainBody(answer: string, explanation: string): string {
  const close = answer.lastIndexOf("}");
  const isEmpty = answer.slice(0, close).trimEnd().endsWith("{");
  return `${answer.slice(0, close)}${isEmpty ? "" : ","}"sluice":${explanation}${answer.slice(close)}`;
}

function chunk(head: AnswerHead, delta: object, finishReason: string | null, index = 0): string {
  const body = {
    ...chunkHead(head),
    choices: [{ index, delta, logprobs: null, finish_reason: finishReason }],
  };
  return `data: ${JSON.stringify(body)}\n\n`;
}

function chunkHead(head: AnswerHead): object {
  return {
    id: `chatcmpl-${head.requestId}`,
    object: "chat.completion.chunk",
    created: head.createdSeconds,
    model: head.model,
  };
}

function toolCall(call: { id: string; name: string; arguments: string }): object {
  return {
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  };
}

function usageFields(usage: Usage): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedTokens },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  };
}
