// What the catalog says of a model, as an engine's table asks for it.
import type { Model } from "../policies/catalog.ts";
import type { Traits } from "./upstream/engine.ts";

export function traitsOf(model: Model): Traits {
  return {
    has: (capability) => model.capabilities.includes(capability),
    thinking: model.thinking ?? null,
    efforts: model.efforts ?? null,
    thinkingTokensMin: model.thinkingTokensMin ?? null,
    thinkingTokensMax: model.thinkingTokensMax ?? null,
  };
}
