// The engines that Sluice knows, by the name that a catalog gives them. One that it does not know is generic.
import { anthropic } from "./anthropic.ts";
import { dashscope } from "./dashscope.ts";
import { deepseek } from "./deepseek.ts";
import type { Engine } from "./engine.ts";
import { gemini } from "./gemini.ts";
import { generic } from "./generic.ts";
import { llamaCpp } from "./llama-cpp.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import { openrouter } from "./openrouter.ts";
import { sglang } from "./sglang.ts";
import { vllm } from "./vllm.ts";
import { workersAi } from "./workers-ai.ts";

const ENGINES: ReadonlyMap<string, Engine> = new Map(
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
  ].map((engine) => [engine.id, engine]),
);

export function engineOf(id: string): Engine {
  return ENGINES.get(id) ?? generic;
}
