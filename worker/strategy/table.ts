// The strategies that a policy may name.
import { diffadapt } from "./diffadapt.ts";
import { modePrompt } from "./mode-prompt.ts";
import { outline } from "./outline.ts";
import type { Strategy } from "./strategy.ts";

const STRATEGIES: readonly Strategy[] = [modePrompt, diffadapt, outline];

export function strategyOf(id: string): Strategy | null {
  return STRATEGIES.find((strategy) => strategy.id === id) ?? null;
}
