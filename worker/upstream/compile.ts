// From an intent and an engine's table to the fields that are sent, with one account of each wish: fulfilled, fulfilled
// in part, or not and why. What the catalog does not declare for the model is never sent.
import {
  alwaysThinks,
  off,
  undeclared,
  unmet,
  type Ceiling,
  type Engine,
  type Intent,
  type Knob,
  type Said,
  type Traits,
  type Wish,
} from "./engine.ts";
import { capAsSent, limitsOf, setInside, type Limits, type Thinks } from "./wire/ceiling.ts";
import { PROMPT_KEY_FIELD, STRIPPED } from "./wire/fields.ts";
import { lowerThinking } from "./wire/lower.ts";

export interface Compiled {
  /** Top-level fields as JSON text. */
  readonly fields: Readonly<Record<string, string>>;
  /** The client's fields that must not go out beside those. */
  readonly drops: readonly string[];
  readonly knobs: readonly Knob[];
  /** Under a ceiling, whether it holds; `open` without one. */
  readonly thinks: Thinks;
}

/** Of the changes to a client's fields, so many are told. */
const CHANGES_TOLD_MAX = 8;

export function compile(engine: Engine, intent: Intent, traits: Traits): Compiled {
  const limits = intent.ceiling === null ? null : limitsOf(engine, traits, intent.ceiling.tokens);
  const wish = wishOf(intent, limits);
  const said = wish === null ? null : sayThinking(engine, wish, limits?.traits ?? traits);
  const saltLack =
    engine.lacks.salt ?? (traits.has("cache-salt") ? null : undeclared("cache-salt"));
  const fields: Record<string, unknown> = {
    ...(intent.cacheSalt !== null && saltLack === null ? { cache_salt: intent.cacheSalt } : {}),
    ...said?.fields,
  };
  const drops: string[] = [];
  const knobs: Knob[] = [];
  if (wish !== null && said !== null) {
    knobs.push(...accountOf(engine, wish, said));
    const isTold = intent.replacesEffort || (limits?.stops === true && fieldCount(said) > 0);
    if (isTold && !("reasoning_effort" in fields)) drops.push("reasoning_effort");
  }
  // Two hands on one knob: what the gateway tells about thinking stands alone.
  const passed = said !== null && fieldCount(said) > 0 ? {} : intent.passed;
  const held =
    limits === null ? null : holdCeiling(engine, { ...intent, passed }, traits, limits, wish, said);
  Object.assign(fields, held?.fields);
  if (held !== null && held.knob !== null) knobs.push(held.knob);
  const hot = temperatureKnob(engine, intent, wish, traits, said);
  if (hot !== null) {
    knobs.push(hot.knob);
    if (hot.isSent) fields["temperature"] = intent.temperature;
    if (hot.isDropped) drops.push("temperature");
  }
  if (intent.cacheSalt !== null) {
    knobs.push(
      saltLack === null
        ? { knob: "cache-salt", fidelity: "exact", reason: "prefixes are cached per tenant" }
        : off("cache-salt", saltLack),
    );
  }
  if (intent.promptKey !== null) {
    const knob = promptKeyKnob(engine, intent);
    if (knob.fidelity !== "off") fields[PROMPT_KEY_FIELD] = intent.promptKey;
    knobs.push(knob);
  }
  // A client's own part of a field stays beside the gateway's.
  const clients = (name: string): string | undefined =>
    held?.lowered[name] ?? passed[name] ?? intent.ceiling?.standing.get(name);
  return {
    fields: {
      ...passed,
      ...held?.lowered,
      ...Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          name,
          name === "chat_template_kwargs" || name in passed
            ? setInside(clients(name), value)
            : JSON.stringify(value),
        ]),
      ),
    },
    drops,
    knobs,
    thinks: held?.thinks ?? "open",
  };
}

function wishOf(intent: Intent, limits: Limits | null): Wish | null {
  const { thinking, isStream, effort, thinkingTokensMax, outputTokens, ceiling } = intent;
  if (limits?.stops === true) return { isOn: false, isStream };
  if (thinking === "as-sent") return null;
  if (thinking === "off") return { isOn: false, isStream };
  const tokensMax =
    ceiling === null ? thinkingTokensMax : Math.min(ceiling.tokens, thinkingTokensMax ?? Infinity);
  return { isOn: true, isStream, effort, tokensMax, outputTokens };
}

function fieldCount({ fields }: Said): number {
  return Object.keys(fields).length;
}

interface HeldCeiling {
  /** The gateway's own. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** The client's, as JSON text. */
  readonly lowered: Readonly<Record<string, string>>;
  readonly thinks: Thinks;
  readonly knob: Knob | null;
}

/** What the ceiling changes, and whether it then holds; one knob when it changed or could not hold anything. */
function holdCeiling(
  engine: Engine,
  intent: Intent,
  traits: Traits,
  { stops, bound }: Limits,
  wish: Wish | null,
  said: Said | null,
): HeldCeiling {
  const { ceiling, outputTokens, isStream, thinkingTokensMax } = intent;
  if (ceiling === null) throw new Error("There is no ceiling to be held.");
  const standing = new Map([
    ...[...ceiling.standing].filter(([key]) => !STRIPPED.has(key)),
    ...Object.entries(intent.passed),
  ]);
  const { fields: lowered, changes } = lowerThinking(standing, bound);
  const told: string[] = changes.slice(0, CHANGES_TOLD_MAX);
  if (changes.length > told.length) told.push(`and ${changes.length - told.length} more`);
  let fields: HeldCeiling["fields"] = {};
  let thinks: Thinks;
  if (wish === null || said === null) {
    const off = sayThinking(engine, { isOn: false, isStream }, traits);
    const offFields = off.thinking.fidelity === "exact" ? off.fields : {};
    const known: Ceiling = { tokens: ceiling.tokens, standing };
    const asSent = capAsSent(engine, traits, known, outputTokens, offFields);
    ({ fields, thinks } = asSent);
    if (asSent.change !== null) told.push(asSent.change);
  } else {
    thinks = thinksAs(wish, said, traits, outputTokens <= ceiling.tokens);
    // Told is only what was sent: without a field, nothing was asked of the engine.
    if (stops && intent.thinking !== "off" && fieldCount(said) > 0)
      told.push("thinking is asked to stop");
    else if (wish.isOn && hasCap(said) && wish.tokensMax !== thinkingTokensMax)
      told.push(`the mode asks for ${wish.tokensMax} instead of ${thinkingTokensMax}`);
  }
  if (thinks !== "open" && told.length === 0) return { fields, lowered, thinks, knob: null };
  const rest = `; ${engine.id} holds this model to no bound on thinking, so the whole answer is bounded`;
  const reason = `the policy lets it think for ${ceiling.tokens} tokens${told.length > 0 ? `: ${told.join(", ")}` : ""}${thinks === "open" ? rest : ""}`;
  const fidelity = thinks === "open" ? "approx" : "exact";
  return { fields, lowered, thinks, knob: { knob: "reasoning-ceiling", fidelity, reason } };
}

/** Of a model that was told nothing, it is open: unless the catalog says that it never thinks, it may. */
function thinksAs(wish: Wish, said: Said, traits: Traits, isAnswerWithin: boolean): Thinks {
  if (traits.thinking === "never") return "not";
  if (!wish.isOn && said.thinking.fidelity === "exact") return "not";
  return (wish.isOn && hasCap(said)) || isAnswerWithin ? "bounded" : "open";
}

function hasCap({ cap }: Said): boolean {
  return cap !== undefined && cap.fidelity !== "off";
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
  wish: Wish | null,
  traits: Traits,
  said: Said | null,
): { knob: Knob; isSent: boolean; isDropped: boolean } | null {
  const refused = engine.temperature === "refused-while-thinking";
  const lack =
    engine.temperature !== undefined && mayThink(engine, wish, traits, said)
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

function promptKeyKnob({ id, takesPromptKey }: Engine, { setsPromptKey }: Intent): Knob {
  const knob = "prompt-cache-key";
  if (setsPromptKey) return off(knob, "the client's own name for its prompts stands");
  if (takesPromptKey !== true) return off(knob, `${id} is not known to read a name for prompts`);
  const reason = "prompts of this tenant that begin alike go to one machine, as far as it has room";
  return { knob, fidelity: "approx", reason };
}

/** For a temperature alone, which an engine would refuse or ignore; a ceiling supposes the other way. */
function mayThink(engine: Engine, wish: Wish | null, traits: Traits, said: Said | null): boolean {
  if (traits.thinking !== null) return traits.thinking === "always";
  if (engine.thinking === null) return false;
  // A model without any declared switch is taken for one that does not think.
  if (!engine.thinking.switches.some((capability) => traits.has(capability))) return false;
  return wish === null || wish.isOn || said?.thinking.fidelity !== "exact";
}
