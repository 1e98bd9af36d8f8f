// The engines that Sluice knows. One that it does not know is generic.
import type { Engine } from "./engine.ts";
import { generic } from "./generic.ts";
import { ollama } from "./ollama.ts";
import { openai } from "./openai.ts";
import { vllm } from "./vllm.ts";

const ENGINES: Readonly<Record<string, Engine>> = { vllm, openai, ollama, generic };

export function engineOf(id: string): Engine {
  return Object.hasOwn(ENGINES, id) ? (ENGINES[id] ?? generic) : generic;
}
