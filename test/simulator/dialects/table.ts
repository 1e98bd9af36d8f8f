// The engines that the simulator can pass for, by the names that a catalog gives them.
import type { EngineDialect } from "./dialect.ts";
import { generic, llamaCpp, ollama, sglang, vllm } from "./open-engines.ts";
import { openrouter, workersAi } from "./platforms.ts";
import { anthropic, dashscope, deepseek, gemini, openai } from "./hosted.ts";

export const ENGINE_DIALECTS: ReadonlyMap<string, EngineDialect> = new Map(
  [
    vllm,
    sglang,
    llamaCpp,
    ollama,
    openai,
    deepseek,
    dashscope,
    anthropic,
    gemini,
    openrouter,
    workersAi,
    generic,
  ].map((dialect) => [dialect.name, dialect]),
);
