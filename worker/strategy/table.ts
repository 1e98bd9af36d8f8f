// The strategies that a policy may name, of which policies/rules-on-write.ts has the ids.
import { diffadapt } from "./diffadapt.ts";
import { modePrompt } from "./mode-prompt.ts";
import { outline } from "./outline.ts";
import type { Strategy } from "./strategy.ts";

export const STRATEGIES: readonly Strategy[] = [modePrompt, diffadapt, outline];

export function strategyOf(id: string): Strategy | null {
  return STRATEGIES.find((strategy) => strategy.id === id) ?? null;
}
