// Whether an answer is a call of an offered tool, and with which arguments. A question calls for
// a tool when it shares a telling word with the tool's name or description.
import { hash } from "./chance.ts";
import type { ChatRequest, Tool } from "./chat-request.ts";
import { writeJson } from "./structured.ts";

export type ToolCall = {
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
};

const tellingWord = /\p{L}{4,}/gu;
const commonWords = new Set([
  "what",
  "which",
  "that",
  "this",
  "with",
  "from",
  "about",
  "given",
  "function",
  "tool",
  "returns",
  "return",
  "please",
  "have",
  "does",
  "will",
  "the",
  "into",
  "current",
]);

export function chooseToolCall(
  request: ChatRequest,
  question: string,
  key: string,
): ToolCall | null {
  const tool = chooseTool(request, question);
  if (tool === null) return null;
  const words = question.match(/\p{L}[\p{L}\d-]{2,}/gu) ?? ["text"];
  const argumentsJson = writeJson(tool.parameters, {
    answer: words.at(-1) ?? "text",
    words,
    steps: [],
  });
  return {
    id: `call_${hash(`${key}|${tool.name}`).toString(36)}`,
    name: tool.name,
    argumentsJson: argumentsJson === "null" ? "{}" : argumentsJson,
  };
}

function chooseTool(request: ChatRequest, question: string): Tool | null {
  const { toolChoice, tools } = request;
  switch (toolChoice.kind) {
    case "none":
      return null;
    case "named":
      return tools.find((tool) => tool.name === toolChoice.name) ?? null;
    case "required":
      return bestMatch(tools, question) ?? tools[0] ?? null;
    case "auto":
      // A turn that brings a tool's result is answered, not asked again.
      return request.messages.at(-1)?.role === "tool" ? null : bestMatch(tools, question);
  }
}

function bestMatch(tools: readonly Tool[], question: string): Tool | null {
  const asked = tellingWords(question);
  const scored = tools.map((tool) => {
    const own = tellingWords(`${tool.name.replaceAll(/[_-]/g, " ")} ${tool.description}`);
    return { tool, score: [...own].filter((word) => asked.has(word)).length };
  });
  const best = scored.reduce<(typeof scored)[number] | null>(
    (top, next) => (next.score > (top?.score ?? 0) ? next : top),
    null,
  );
  return best?.tool ?? null;
}

function tellingWords(text: string): Set<string> {
  return new Set(
    (text.toLowerCase().match(tellingWord) ?? []).filter((word) => !commonWords.has(word)),
  );
}
