// What a draft wants of its engine, free of any engine's words.
import { EFFORTS } from "../policies/catalog.ts";
import type { Mode } from "../policies/mode.ts";
import type { Draft } from "./strategy/strategy.ts";
import type { Engine, Intent } from "./upstream/engine.ts";
import { passedOf } from "./upstream/wire/passed.ts";
import { setsPromptKey } from "./upstream/wire/prompt-key.ts";

/** Share of an output cap that thinking may take, so that a visible answer always has room behind it. */
const THINKING_SHARE = 0.75;

const THINKING: Readonly<Record<Mode, "on" | "off">> = {
  direct: "off",
  short: "off",
  code: "off",
  long: "on",
};

export function intentOf(
  { ask, mode, temperature, effort: ownEffort }: Draft,
  engine: Engine,
  call: Pick<Intent, "outputTokens" | "isStream" | "cacheSalt" | "promptKey" | "ceiling">,
): Intent {
  const passed =
    engine.passes === undefined ? {} : passedOf(engine.passes, ask.wire, ask.wireMembers);
  const base = {
    ...call,
    temperature,
    setsTemperature: ask.setsTemperature,
    setsPromptKey: setsPromptKey(ask.wire, ask.wireMembers),
    passed,
  };
  const effort = EFFORTS.find((known) => known === ask.effort) ?? null;
  // Who sets an engine's thinking by its own fields knows what they want; two hands on one knob help nobody. An effort
  // is no engine's own: it has chosen the mode, and where it would not be read, the mode is told in words that are.
  const replacesEffort = effort !== null && engine.misreadsEffort === true;
  const setsThinking = ask.setsThinking || Object.keys(passed).length > 0;
  if (mode === null || setsThinking || (ask.effort !== null && !replacesEffort)) {
    const thinking = { thinking: "as-sent" as const, effort: null, thinkingTokensMax: null };
    return { ...base, ...thinking, replacesEffort: false };
  }
  const isOn = THINKING[mode] === "on";
  return {
    ...base,
    thinking: THINKING[mode],
    effort: !isOn ? null : effort === null || effort === "none" ? ownEffort : effort,
    thinkingTokensMax: isOn ? Math.floor(call.outputTokens * THINKING_SHARE) : null,
    replacesEffort,
  };
}
