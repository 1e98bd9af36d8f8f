// Turns the body of a chat completion from unknown into a request, or into the one fault that
// an engine would answer 400 with.
import { efforts, type Effort } from "./parameters.ts";

export type Role = "system" | "user" | "assistant" | "tool";
export type ChatMessage = {
  readonly role: Role;
  readonly content: string;
  readonly reasoning: string;
};
export type Tool = {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
};
export type ToolChoice =
  | { readonly kind: "auto" | "none" | "required" }
  | { readonly kind: "named"; readonly name: string };
export type ResponseFormat =
  | { readonly kind: "text" | "json" }
  | { readonly kind: "schema"; readonly schema: unknown };

export type ChatRequest = {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly choices: number;
  /** Null when the caller set no cap. */
  readonly capTokens: number | null;
  readonly enableThinking: boolean | null;
  readonly effort: Effort | null;
  readonly thinkingTokens: number | null;
  readonly cacheSalt: string;
  /** Chance beyond the simulator's seed: the request's own seed and temperature 0 or not. */
  readonly temperature: number;
  readonly sampleSeed: string;
  readonly stop: readonly string[];
  readonly topLogprobs: number | null;
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice;
  readonly format: ResponseFormat;
  /** The last assistant message is to be continued, not answered. */
  readonly continues: boolean;
};

export type ChatFault = { readonly message: string; readonly parameter: string };
export type ParsedChat =
  | { readonly ok: true; readonly request: ChatRequest }
  | ({ readonly ok: false } & ChatFault);

type Fields = Readonly<Record<string, unknown>>;

/** OpenAI's own bounds; more choices would only repeat. */
const choicesMax = 128;
const stopsMax = 16;
const topLogprobsMax = 20;

class Refusal extends Error {
  readonly parameter: string;
  constructor(parameter: string, message: string) {
    super(message);
    this.parameter = parameter;
  }
}

export function parseChat(body: unknown): ParsedChat {
  try {
    return { ok: true, request: readChat(body) };
  } catch (failure) {
    // The reader below leaves by one exception so that each field is one line; it ends here.
    if (failure instanceof Refusal)
      return { ok: false, message: failure.message, parameter: failure.parameter };
    throw failure;
  }
}

function readChat(body: unknown): ChatRequest {
  if (!isFields(body)) throw new Refusal("body", "The body must be a JSON object.");
  const model = body["model"];
  if (typeof model !== "string" || model === "")
    throw new Refusal("model", "you must provide a model parameter");
  const messages = body["messages"];
  if (!Array.isArray(messages) || messages.length === 0)
    throw new Refusal("messages", "'messages' must be a non-empty array.");
  const streamOptions = fields(body, "stream_options");
  const kwargs = fields(body, "chat_template_kwargs");
  const temperature = number(body, "temperature", 0, 2);
  const seed = number(body, "seed", Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return {
    model,
    messages: messages.map(readMessage),
    stream: flag(body, "stream") ?? false,
    includeUsage: flag(streamOptions, "include_usage") ?? false,
    choices: count(body, "n", 1, choicesMax) ?? 1,
    capTokens: count(body, "max_completion_tokens", 1) ?? count(body, "max_tokens", 1),
    enableThinking: flag(kwargs, "enable_thinking"),
    effort: readEffort(body["reasoning_effort"]),
    thinkingTokens: count(body, "thinking_token_budget", 0),
    cacheSalt: text(body, "cache_salt"),
    temperature: temperature ?? 1,
    sampleSeed: seed === null ? "" : String(seed),
    stop: readStop(body["stop"]),
    topLogprobs: flag(body, "logprobs")
      ? (count(body, "top_logprobs", 0, topLogprobsMax) ?? 0)
      : null,
    tools: readTools(body["tools"]),
    toolChoice: readToolChoice(body["tool_choice"]),
    format: readFormat(body["response_format"]),
    continues: flag(body, "continue_final_message") ?? false,
  };
}

function readMessage(value: unknown, index: number): ChatMessage {
  const at = `messages[${index}]`;
  if (!isFields(value)) throw new Refusal(at, `${at} must be an object.`);
  const given = value["role"];
  const role = given === "developer" ? "system" : given === "function" ? "tool" : given;
  if (role !== "system" && role !== "user" && role !== "assistant" && role !== "tool") {
    throw new Refusal(
      `${at}.role`,
      `${at}.role must be system, developer, user, assistant or tool.`,
    );
  }
  const calls = value["tool_calls"] === undefined ? "" : JSON.stringify(value["tool_calls"]);
  const reasoning = value["reasoning_content"] ?? value["reasoning"];
  return {
    role,
    content: readContent(value["content"], role, at) + calls,
    reasoning: typeof reasoning === "string" ? reasoning : "",
  };
}

function readContent(content: unknown, role: Role, at: string): string {
  if (typeof content === "string") return content;
  // An assistant message that only calls tools has no content.
  if (content === null || content === undefined) {
    if (role === "assistant") return "";
    throw new Refusal(`${at}.content`, `${at}.content is missing.`);
  }
  if (!Array.isArray(content))
    throw new Refusal(`${at}.content`, `${at}.content must be text or an array of parts.`);
  return content
    .map((part: unknown) => {
      if (!isFields(part)) throw new Refusal(`${at}.content`, `${at}.content must hold objects.`);
      return typeof part["text"] === "string" ? part["text"] : `[${String(part["type"])}]`;
    })
    .join("\n");
}

function readEffort(value: unknown): Effort | null {
  if (value === undefined || value === null) return null;
  const effort = efforts.find((known) => known === value);
  if (effort === undefined)
    throw new Refusal("reasoning_effort", `reasoning_effort must be one of ${efforts.join(", ")}.`);
  return effort;
}

function readStop(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const stops: unknown[] = Array.isArray(value) ? value : [value];
  if (stops.length > stopsMax)
    throw new Refusal("stop", `stop takes at most ${stopsMax} sequences.`);
  return stops.map((stop) => {
    if (typeof stop !== "string" || stop === "")
      throw new Refusal("stop", "stop must hold non-empty text.");
    return stop;
  });
}

function readTools(value: unknown): readonly Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Refusal("tools", "tools must be an array.");
  return value.map((tool: unknown, index) => {
    const declared = isFields(tool) ? tool["function"] : undefined;
    if (!isFields(declared) || typeof declared["name"] !== "string")
      throw new Refusal(`tools[${index}]`, `tools[${index}].function.name is missing.`);
    return {
      name: declared["name"],
      description: text(declared, "description"),
      parameters: declared["parameters"] ?? {},
    };
  });
}

function readToolChoice(value: unknown): ToolChoice {
  if (value === undefined || value === null) return { kind: "auto" };
  if (value === "auto" || value === "none" || value === "required") return { kind: value };
  const name =
    isFields(value) && isFields(value["function"]) ? value["function"]["name"] : undefined;
  if (typeof name !== "string")
    throw new Refusal(
      "tool_choice",
      "tool_choice must be auto, none, required or name a function.",
    );
  return { kind: "named", name };
}

function readFormat(value: unknown): ResponseFormat {
  if (value === undefined || value === null) return { kind: "text" };
  const kind = isFields(value) ? value["type"] : undefined;
  if (kind === "text") return { kind: "text" };
  if (kind === "json_object") return { kind: "json" };
  const wrapped = isFields(value) ? value["json_schema"] : undefined;
  if (kind === "json_schema" && isFields(wrapped) && isFields(wrapped["schema"]))
    return { kind: "schema", schema: wrapped["schema"] };
  throw new Refusal(
    "response_format",
    "response_format must be text, json_object or json_schema with a schema.",
  );
}

function fields(of: Fields, name: string): Fields {
  const value = of[name];
  if (value === undefined || value === null) return {};
  if (!isFields(value)) throw new Refusal(name, `${name} must be an object.`);
  return value;
}

function flag(of: Fields, name: string): boolean | null {
  const value = of[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "boolean") throw new Refusal(name, `${name} must be true or false.`);
  return value;
}

function number(of: Fields, name: string, low: number, high: number): number | null {
  const value = of[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || value < low || value > high)
    throw new Refusal(name, `${name} must be a number from ${low} to ${high}.`);
  return value;
}

function count(
  of: Fields,
  name: string,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): number | null {
  const value = number(of, name, low, high);
  if (value !== null && !Number.isInteger(value))
    throw new Refusal(name, `${name} must be a whole number.`);
  return value;
}

function text(of: Fields, name: string): string {
  const value = of[name];
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw new Refusal(name, `${name} must be text.`);
  return value;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
