// DeepSeek's API (its thinking-mode guide, V4 models, autumn 2026). `thinking: {type}` switches and is on by default;
// `reasoning_effort` is low, high or max, and the levels between are mapped onto those. While it thinks it ignores
// temperature and penalties without an error. `max_tokens` is the documented cap and counts thinking as well; older
// documents of the reasoner counted the answer only. No cap on thinking, no salt: the cache is the account's, and its
// hits come as `prompt_cache_hit_tokens`. With tools, earlier `reasoning_content` must be sent back, or it refuses.
import {
  exact,
  noCap,
  noSalt,
  sayLevel,
  type Engine,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

const EFFORTS = ["low", "high", "max"] as const;

export const deepseek: Engine = {
  id: "deepseek",
  // `none` is a level of its other APIs, not of this one.
  misreadsEffort: true,
  thinking: { switches: ["thinking-switch"], lessens: false, say },
  efforts: EFFORTS,
  budget: null,
  lacks: {
    cap: noCap("DeepSeek"),
    salt: noSalt("DeepSeek", "the account's"),
  },
  temperature: "ignored-while-thinking",
};

function say(wish: Wish, traits: Traits): Said {
  const type = wish.isOn ? "enabled" : "disabled";
  const thinking = exact(`thinking ${type}`);
  if (!wish.isOn) return { fields: { thinking: { type } }, thinking };
  const level = sayLevel(wish, traits, (effort) => ({ reasoning_effort: effort }), EFFORTS);
  return { ...level, fields: { thinking: { type }, ...level.fields }, thinking };
}
