// Services that serve their own models and refuse what does not suit them. `sim-small` stands for a model of theirs that
// cannot think, or for their plainest; `sim-mid` for one that can be told; `sim-large` for their strictest.
import {
  firstUnknown,
  inside,
  OPENAI_FIELDS,
  refuseField,
  tell,
  VLLM_SHAPE,
  withoutDetails,
  type EngineDialect,
  type Fields,
  type Heard,
} from "./dialect.ts";

type Refusal = Extract<Heard, { kind: "refused" }> | null;

const EFFORTS_OPENAI = ["none", "minimal", "low", "medium", "high", "xhigh"];

export const openai: EngineDialect = {
  name: "openai",
  hear: (body) => {
    const refusal = refuseOpenai(body);
    if (refusal !== null) return refusal;
    const effort = body["reasoning_effort"] ?? "medium";
    const isOn = !isModel(body, "small") && effort !== "none";
    const cap = body["max_completion_tokens"] ?? body["max_tokens"];
    return tell(body, { isOn, effort: isOn ? effort : undefined, cap });
  },
  shape: { ...VLLM_SHAPE, reasoning: "hidden" },
};

function refuseOpenai(body: Fields): Refusal {
  const unknown = firstUnknown(body, OPENAI_FIELDS);
  if (unknown !== null)
    return refuseField(unknown, `Unknown parameter: '${unknown}'.`, "unknown_parameter");
  if (body["max_tokens"] !== undefined && body["max_completion_tokens"] !== undefined)
    return refuseField("max_tokens", "Setting both caps at the same time is not supported.");
  if (body["stream_options"] !== undefined && body["stream"] !== true)
    return refuseField("stream_options", "'stream_options' is only allowed when 'stream' is on.");
  const effort = body["reasoning_effort"];
  if (isModel(body, "small"))
    return effort === undefined
      ? null
      : refuseField("reasoning_effort", "This model has no effort.", "unsupported_parameter");
  if (effort !== undefined && !EFFORTS_OPENAI.some((known) => known === effort))
    return refuseField("reasoning_effort", "There is no such effort.", "unsupported_value");
  if (body["max_tokens"] !== undefined)
    return refuseField(
      "max_tokens",
      "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      "unsupported_parameter",
    );
  const sampling = ["temperature", "top_p"].find(
    (name) => body[name] !== undefined && body[name] !== 1,
  );
  return sampling !== undefined && effort !== "none"
    ? refuseField(sampling, `Only the default ${sampling} (1) is supported.`, "unsupported_value")
    : null;
}

const EFFORTS_DEEPSEEK: Readonly<Record<string, string>> = {
  minimal: "low",
  low: "low",
  medium: "high",
  high: "high",
  xhigh: "high",
  max: "max",
  ultra: "max",
};

export const deepseek: EngineDialect = {
  name: "deepseek",
  hear: (body) => {
    const type = body["thinking"] === undefined ? "enabled" : inside(body["thinking"], "type");
    if (type !== "enabled" && type !== "disabled")
      return refuseField("thinking.type", "thinking.type is enabled or disabled.");
    const effort = body["reasoning_effort"] ?? "high";
    const meant = typeof effort === "string" ? EFFORTS_DEEPSEEK[effort] : undefined;
    if (meant === undefined)
      return refuseField("reasoning_effort", `unknown variant ${JSON.stringify(effort)}`);
    return tell(body, { isOn: type === "enabled", effort: meant, cap: body["max_tokens"] });
  },
  shape: {
    ...VLLM_SHAPE,
    usagePlace: "last-chunk",
    alwaysUsage: true,
    usage: ({ prompt_tokens_details: { cached_tokens }, ...usage }) => ({
      ...usage,
      prompt_cache_hit_tokens: cached_tokens,
      prompt_cache_miss_tokens: usage.prompt_tokens - cached_tokens,
    }),
  },
};

const THINKING_BUDGET_MAX_QWEN = 38_912;

export const dashscope: EngineDialect = {
  name: "dashscope",
  hear: (body) => {
    const budget = body["thinking_budget"];
    const fits = typeof budget === "number" && budget > 0 && budget <= THINKING_BUDGET_MAX_QWEN;
    if (budget !== undefined && !fits)
      return refuseField(
        "thinking_budget",
        `The thinking_budget parameter must be a positive integer and not greater than ${THINKING_BUDGET_MAX_QWEN}`,
      );
    const isOn = (body["enable_thinking"] ?? isModel(body, "large")) === true;
    if (isOn && body["stream"] !== true && !isModel(body, "mid"))
      return refuseField(
        "enable_thinking",
        "parameter.enable_thinking must be set to false for non-streaming calls",
        "invalid_parameter_error",
      );
    return tell(body, { isOn, budget: isOn ? budget : undefined, cap: body["max_tokens"] });
  },
  shape: VLLM_SHAPE,
};

const BUDGET_TOKENS_MIN = 1024;

export const anthropic: EngineDialect = {
  name: "anthropic",
  hear: (body) => {
    const refusal = refuseAnthropic(body);
    if (refusal !== null) return refusal;
    const type = inside(body["thinking"], "type");
    return tell(body, {
      isOn: type === undefined ? isModel(body, "large") : type !== "disabled",
      budget: inside(body["thinking"], "budget_tokens"),
      cap: body["max_tokens"] ?? body["max_completion_tokens"],
    });
  },
  shape: { ...VLLM_SHAPE, reasoning: "hidden", usage: withoutDetails },
};

/** `sim-mid` takes a budget, as models did up to 4.5; `sim-large` only adapts, as they do from 4.7. */
function refuseAnthropic(body: Fields): Refusal {
  const unknown = firstUnknown(body, [...OPENAI_FIELDS, "thinking"]);
  if (unknown !== null) return refuseField(unknown, `${unknown}: Extra inputs are not permitted`);
  if ((body["n"] ?? 1) !== 1) return refuseField("n", "n must be 1");
  const type = inside(body["thinking"], "type");
  const isAdaptive = isModel(body, "large");
  if (type === "enabled" && isAdaptive)
    return refuseField("thinking", '"thinking.type.enabled" is not supported for this model.');
  if (type === "adaptive" && !isAdaptive)
    return refuseField("thinking", "adaptive thinking is not supported on this model");
  if (type === "enabled") {
    const budget = Number(inside(body["thinking"], "budget_tokens"));
    const cap = Number(body["max_tokens"] ?? body["max_completion_tokens"]);
    if (!(budget >= BUDGET_TOKENS_MIN))
      return refuseField(
        "thinking.enabled.budget_tokens",
        `Input should be greater than or equal to ${BUDGET_TOKENS_MIN}`,
      );
    if (!(budget < cap))
      return refuseField("max_tokens", "max_tokens must be greater than thinking.budget_tokens");
  }
  const temperature = body["temperature"] ?? 1;
  const mayNot = isAdaptive || type === "enabled" || type === "adaptive";
  return temperature !== 1 && mayNot
    ? refuseField("temperature", "temperature may only be set to 1 here")
    : null;
}

const GEMINI_FIELDS = [
  ...OPENAI_FIELDS.filter(
    (name) => !["frequency_penalty", "presence_penalty", "logit_bias", "verbosity"].includes(name),
  ),
  "extra_body",
];

export const gemini: EngineDialect = {
  name: "gemini",
  hear: (body) => {
    const unknown = firstUnknown(body, GEMINI_FIELDS);
    if (unknown !== null)
      return refuseField(
        unknown,
        `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`,
      );
    const config = inside(inside(body["extra_body"], "google"), "thinking_config");
    const budget = inside(config, "thinking_budget");
    const effort = body["reasoning_effort"];
    if (budget !== undefined && effort !== undefined)
      return refuseField(
        "reasoning_effort",
        "Expected one of reasoning_effort and thinking_budget.",
      );
    if ((effort === "none" || budget === 0) && isModel(body, "large"))
      return refuseField("reasoning_effort", "This model only works in thinking mode.");
    const isOn = effort !== "none" && budget !== 0;
    return tell(body, {
      isOn,
      effort,
      budget: isOn && budget !== -1 ? budget : undefined,
      cap: body["max_tokens"] ?? body["max_completion_tokens"],
    });
  },
  shape: {
    ...VLLM_SHAPE,
    reasoning: "hidden",
    usagePlace: "last-chunk",
    // Thinking is in the total and nowhere else.
    usage: (usage) => ({
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens - usage.completion_tokens_details.reasoning_tokens,
      total_tokens: usage.total_tokens,
    }),
  },
  error: (message) => [{ error: { code: 400, message, status: "INVALID_ARGUMENT" } }],
};

function isModel(body: Fields, size: "small" | "mid" | "large"): boolean {
  return String(body["model"]).startsWith(`sim-${size}`);
}
