// Workers AI by its OpenAI-compatible route, https://api.cloudflare.com/client/v4/accounts/ACCOUNT/ai/v1, with an API
// token as the secret: the same models as a binding, from anywhere, in the form that is relayed; what a binding's `run`
// gives differs from model to model, so none is used. Models are named @cf/... . Newer ones take `reasoning_effort` and
// the template's `enable_thinking` (cloudflare/ai, April 2026), but not all heed both: Kimi K2.5 thinks whatever the
// switch says (cloudflare/workers-sdk#13239), GPT-OSS cannot stop and starts at low (cloudflare-docs#33541, September
// 2026). So each model's entry has to say which was proven. No cap on thinking, no salt.
import { noCap, sayByTemplate, type Engine } from "./engine.ts";

export const workersAi: Engine = {
  id: "workers-ai",
  thinking: { switches: ["thinking-switch", "effort"], lessens: true, say: sayByTemplate },
  budget: null,
  lacks: {
    cap: noCap("Workers AI"),
    salt: "Workers AI takes no salt",
  },
};
