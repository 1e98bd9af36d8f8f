// From an intent and an engine's table to the fields that are sent, with one account of each wish: fulfilled, fulfilled
// in part, or not and why. What the catalog does not declare for the model is never sent.
import {
  alwaysThinks,
  off,
  undeclared,
  unmet,
  type Engine,
  type Intent,
  type Knob,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";

export interface Compiled {
  /** Top-level fields as JSON text. */
  readonly fields: Readonly<Record<string, string>>;
  /** The client's fields that must not go out beside those. */
  readonly drops: readonly string[];
  readonly knobs: readonly Knob[];
}

export function compile(engine: Engine, intent: Intent, traits: Traits): Compiled {
  const wish = wishOf(intent);
  const said = wish === null ? null : sayThinking(engine, wish, traits);
  const fields: Record<string, unknown> = { ...said?.fields };
  const drops: string[] = [];
  const knobs: Knob[] = [];
  if (wish !== null && said !== null) {
    knobs.push(...accountOf(engine, wish, said));
    if (intent.replacesEffort && !("reasoning_effort" in fields)) drops.push("reasoning_effort");
  }
  const hot = temperatureKnob(engine, intent, traits, said);
  if (hot !== null) {
    knobs.push(hot.knob);
    if (hot.isSent) fields["temperature"] = intent.temperature;
    if (hot.isDropped) drops.push("temperature");
  }
  if (intent.cacheSalt !== null) {
    const lack = engine.lacks.salt ?? (traits.has("cache-salt") ? null : undeclared("cache-salt"));
    if (lack === null) fields["cache_salt"] = intent.cacheSalt;
    knobs.push(
      lack === null
        ? { knob: "cache-salt", fidelity: "exact", reason: "prefixes are cached per tenant" }
        : off("cache-salt", lack),
    );
  }
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
    drops,
    knobs,
  };
}

function wishOf(intent: Intent): Wish | null {
  const { thinking, isStream, effort, thinkingTokensMax, outputTokens } = intent;
  if (thinking === "as-sent") return null;
  if (thinking === "off") return { isOn: false, isStream };
  return { isOn: true, isStream, effort, tokensMax: thinkingTokensMax, outputTokens };
}

function sayThinking({ thinking, lacks }: Engine, wish: Wish, traits: Traits): Said {
  if (traits.thinking === "never") {
    const reason = "this model never thinks";
    return { fields: {}, thinking: { fidelity: wish.isOn ? "off" : "exact", reason } };
  }
  if (thinking === null)
    return { fields: {}, thinking: unmet(lacks.thinking ?? "it has no switch for thinking") };
  if (traits.thinking === "always" && !wish.isOn && !thinking.lessens)
    return { fields: {}, thinking: alwaysThinks(wish) };
  if (!thinking.switches.some((capability) => traits.has(capability)))
    return { fields: {}, thinking: unmet(undeclared(...thinking.switches)) };
  return thinking.say(wish, traits);
}

/** One knob for each part of the wish: a part that was not told has the engine's reason, or thinking's own. */
function accountOf({ lacks }: Engine, wish: Wish, said: Said): Knob[] {
  const knobs: Knob[] = [{ knob: "thinking", ...said.thinking }];
  if (!wish.isOn) return knobs;
  if (wish.effort !== null)
    knobs.push({ knob: "effort", ...(said.effort ?? unmet(lacks.effort ?? said.thinking.reason)) });
  if (wish.tokensMax !== null)
    knobs.push({ knob: "thinking-cap", ...(said.cap ?? unmet(lacks.cap ?? said.thinking.reason)) });
  return knobs;
}

/** Temperature is spelled the same everywhere; engines differ in whether a model that thinks takes one. */
function temperatureKnob(
  engine: Engine,
  intent: Intent,
  traits: Traits,
  said: Said | null,
): { knob: Knob; isSent: boolean; isDropped: boolean } | null {
  const refused = engine.temperature === "refused-while-thinking";
  const lack =
    engine.temperature !== "taken" && mayThink(engine, intent, traits, said)
      ? refused
        ? `${engine.id} refuses a temperature unless it is told not to think`
        : `${engine.id} ignores a temperature while it thinks`
      : null;
  // Who was put into thinking by Sluice must not be refused for a temperature that was fine without.
  if (intent.setsTemperature && lack !== null && refused && said !== null)
    return {
      knob: off("temperature", `${lack}, so the client's was left out`),
      isSent: false,
      isDropped: true,
    };
  if (intent.temperature === null) return null;
  const reason = lack ?? (traits.has("temperature") ? null : undeclared("temperature"));
  if (reason !== null) return { knob: off("temperature", reason), isSent: false, isDropped: false };
  return {
    knob: {
      knob: "temperature",
      fidelity: "proxy",
      reason: "DiffAdapt's value for a class that was read from the text alone",
    },
    isSent: true,
    isDropped: false,
  };
}

function mayThink(engine: Engine, intent: Intent, traits: Traits, said: Said | null): boolean {
  if (traits.thinking !== null) return traits.thinking === "always";
  if (engine.thinking === null) return false;
  // A model without any declared switch is taken for one that does not think.
  if (!engine.thinking.switches.some((capability) => traits.has(capability))) return false;
  return intent.thinking !== "off" || said?.thinking.fidelity !== "exact";
}
