// What an engine's file must offer: which of an intent's knobs it has, and how each is spelled there.
// A knob that is not spelled is `off` with its reason; nothing is ever sent in hope.
import type { Capability } from "../../policies/catalog.ts";

/** What a mode wants of an engine, free of any engine's words. */
export interface Intent {
  /** `as-sent`: the client drives thinking itself, or named a model and no mode. */
  readonly thinking: "on" | "off" | "as-sent";
  readonly effort: "low" | "medium" | "high" | null;
  /** The most tokens that thinking may take; null for no bound of its own. */
  readonly thinkingTokensMax: number | null;
  readonly temperature: number | null;
  /** Keeps one tenant's cached prefixes from another's; null where nothing is shared. */
  readonly cacheSalt: string | null;
}

export type Fidelity = "exact" | "approx" | "proxy" | "off";

/** What became of one wish. */
export interface Knob {
  readonly knob:
    | "thinking"
    | "effort"
    | "thinking-cap"
    | "temperature"
    | "cache-salt"
    | "stream-usage"
    | "mode-prompt"
    | "output-cap";
  readonly fidelity: Fidelity;
  readonly reason: string;
}

export interface Compiled {
  /** Top-level fields as JSON text. */
  readonly fields: Readonly<Record<string, string>>;
  readonly knobs: readonly Knob[];
}

export interface Engine {
  readonly id: string;
  /** What bounds the output when the client named no bound. */
  readonly capField: "max_tokens" | "max_completion_tokens";
  compile(intent: Intent, has: (capability: Capability) => boolean): Compiled;
}

/** A wish that this engine, or this model as declared, cannot fulfil. */
export function off(knob: Knob["knob"], reason: string): Knob {
  return { knob, fidelity: "off", reason };
}

/** The reason when an engine has the knob and the catalog does not claim it for the model. */
export function undeclared(capability: Capability): string {
  return `the catalog does not declare "${capability}" for this model`;
}

/** A wish that an engine has no words for, if it was wished. */
export function lacks(knob: Knob["knob"], isWished: boolean, reason: string): Compiled {
  return { fields: {}, knobs: isWished ? [off(knob, reason)] : [] };
}

export function wishesThinkingCap(intent: Intent): boolean {
  return intent.thinking === "on" && intent.thinkingTokensMax !== null;
}

/** Temperature is spelled the same everywhere; engines differ only in whether the model allows it. */
export function compileTemperature(
  intent: Intent,
  has: (capability: Capability) => boolean,
): Compiled {
  if (intent.temperature === null) return { fields: {}, knobs: [] };
  if (!has("temperature"))
    return { fields: {}, knobs: [off("temperature", undeclared("temperature"))] };
  return {
    fields: { temperature: JSON.stringify(intent.temperature) },
    knobs: [
      {
        knob: "temperature",
        fidelity: "proxy",
        reason: "DiffAdapt's value for a class that was read from the text alone",
      },
    ],
  };
}

/** Thinking by `reasoning_effort`, as OpenAI and Ollama spell it: none is off, anything else is on. */
export function compileEffort(intent: Intent, has: (capability: Capability) => boolean): Compiled {
  if (intent.thinking === "as-sent") return { fields: {}, knobs: [] };
  if (!has("effort")) return { fields: {}, knobs: [off("thinking", undeclared("effort"))] };
  const effort = intent.thinking === "off" ? "none" : (intent.effort ?? "medium");
  return {
    fields: { reasoning_effort: JSON.stringify(effort) },
    knobs: [
      {
        knob: "thinking",
        fidelity: intent.thinking === "off" ? "exact" : "approx",
        reason: `reasoning_effort ${effort}`,
      },
    ],
  };
}

export function merge(...parts: readonly Compiled[]): Compiled {
  return {
    fields: Object.assign({}, ...parts.map(({ fields }) => fields)) as Record<string, string>,
    knobs: parts.flatMap(({ knobs }) => knobs),
  };
}
