// Fields of a body that act on more than the client's own answer. One table a purpose, each group with its reason;
// what stands in none of them goes to the engine as it was sent.

/** Taken out of what a client sent; where one of them is a knob, only the gateway sets it. */
export const STRIPPED: ReadonlySet<string> = new Set(
  [
    // Other tenants' caches: a salt, or keys, blocks and sessions of a cache that all share.
    ["cache_salt", "extra_key", "kv_transfer_params", "ec_transfer_params", "session_params"],
    ["session_id", "id_slot"],
    // Other tenants' turns and replicas: queues, ranks, and where a disaggregated engine fetches from and sends to.
    ["priority", "data_parallel_rank", "routed_dp_rank", "disagg_prefill_dp_rank"],
    ["bootstrap_host", "bootstrap_port", "bootstrap_room", "disaggregated_params"],
    // An engine that is given one id twice may end the other one's request, whoever sent it.
    ["request_id", "rid"],
    // Code and files of the engine's machine.
    ["custom_logit_processor", "custom_params", "lora_path", "logits_processors"],
    // Bags that are spread over an engine's own arguments, those above among them. What is in one depends on the
    // engine's version and plugins, so they go whole instead of by a list that would always be behind.
    ["vllm_xargs", "extra_args", "extra_body", "options"],
    // A prompt that was not held for: the messages are.
    ["input_ids", "input_embeds", "prompt_embeds", "prompt_token_ids"],
    // Another model, provider or paid tool than the one whose price was held (OpenRouter).
    ["models", "route", "provider", "plugins"],
    // Answers beyond `n`, which nobody held for.
    ["use_beam_search", "best_of"],
    // Keeps from the meter what was generated, so that a client who leaves early would pay for less.
    ["include_reasoning", "stream_reasoning", "stream_interval"],
    // States of the engine's inside: megabytes a token, and read by no client API.
    ["return_hidden_states"],
    // Bounds the prompt together with the answer, so what was held for the answer cannot be written into it.
    ["max_length"],
  ].flat(),
);

/** The two bounds that client APIs have. */
export const CAP_FIELDS = ["max_tokens", "max_completion_tokens"] as const;

/**
 * Other engines' names for the bound. One that reads them prefers its own word to the bound that was held, so a higher
 * one is lowered to it; a lower one is the client's wish, and stays.
 */
export const OTHER_CAP_FIELDS: ReadonlySet<string> = new Set([
  "n_predict",
  "num_predict",
  "max_new_tokens",
  "max_output_tokens",
  "max_gen_len",
  "max_tokens_to_sample",
]);

/**
 * The client's own data, in small letters without underscores: a name in a schema or a document may be any word, and is
 * no field of an engine's. At any depth, because templates and native bodies in a bag hold the same.
 */
const DATA: ReadonlySet<string> = new Set(
  [
    // OpenAI's.
    ["messages", "tools", "functions", "toolchoice", "functioncall", "responseformat"],
    ["metadata", "prediction", "logitbias", "websearchoptions"],
    // Forms of an answer as vLLM, SGLang, llama.cpp, Ollama and Gemini take them.
    ["guidedjson", "guidedchoice", "structuredoutputs", "structuraltag", "format"],
    ["jsonschema", "responseschema", "responsejsonschema"],
    // What a template puts into the prompt.
    ["documents"],
  ].flat(),
);

export function isData(key: string): boolean {
  return DATA.has(key.replaceAll("_", "").toLowerCase());
}

/** By which a client drives an engine's thinking itself. An effort is none of them: it is every API's own word. */
export const THINKING_FIELDS = [
  ["chat_template_kwargs", "enable_thinking", "thinking", "think", "reasoning", "thinking_config"],
  ["thinking_budget", "thinking_token_budget", "thinking_budget_tokens", "max_thinking_tokens"],
  ["reasoning_budget", "reasoning_budget_tokens", "output_config", "google"],
].flat();

/** Knobs that engines' files set over a client's own. */
const KNOBS = ["temperature", "reasoning_effort", ...THINKING_FIELDS];

/** By which OpenAI, and those that took it over from there, are told which prompts begin alike. Groq and Cerebras refuse it. */
export const PROMPT_KEY_FIELD = "prompt_cache_key";

/** Every field that is read, set or taken out on the way to an engine. */
export const HEEDED: ReadonlySet<string> = new Set([
  ...STRIPPED,
  ...CAP_FIELDS,
  ...OTHER_CAP_FIELDS,
  ...KNOBS,
  PROMPT_KEY_FIELD,
  "model",
  "messages",
  "stream",
  "stream_options",
]);
