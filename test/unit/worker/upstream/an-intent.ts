// What the tests of the engines wish, and of which model.
import type { Capability, Model } from "../../../../policies/catalog.ts";
import { compile, type Compiled } from "../../../../worker/upstream/compile.ts";
import type { Intent, Traits } from "../../../../worker/upstream/engine.ts";
import { engineOf } from "../../../../worker/upstream/table.ts";

export const AS_SENT: Intent = {
  thinking: "as-sent",
  effort: null,
  thinkingTokensMax: null,
  outputTokens: 4000,
  isStream: true,
  temperature: null,
  setsTemperature: false,
  replacesEffort: false,
  passed: {},
  ceiling: null,
  cacheSalt: null,
  promptKey: null,
  setsPromptKey: false,
};
export const OFF: Intent = { ...AS_SENT, thinking: "off" };
export const ON: Intent = { ...AS_SENT, thinking: "on" };
export const CAPPED: Intent = { ...ON, thinkingTokensMax: 3000 };
export const MUCH: Intent = { ...ON, effort: "high" };

export interface Entry extends Partial<
  Pick<Model, "thinking" | "efforts" | "thinkingTokensMin" | "thinkingTokensMax">
> {
  readonly has: readonly Capability[];
}

export function traitsOf({ has, ...model }: Entry): Traits {
  return {
    has: (capability) => has.includes(capability),
    thinking: model.thinking ?? null,
    efforts: model.efforts ?? null,
    thinkingTokensMin: model.thinkingTokensMin ?? null,
    thinkingTokensMax: model.thinkingTokensMax ?? null,
  };
}

export function compileFor(engine: string, intent: Intent, entry: Entry): Compiled {
  return compile(engineOf(engine), intent, traitsOf(entry));
}
