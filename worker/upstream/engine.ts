// What an engine's file must offer: which of an intent's knobs it has, and how each is spelled there, as a table.
// `compile.ts` reads the table. A knob that is not spelled is `off` with its reason; nothing is ever sent in hope.
import { EFFORTS, type Capability, type Effort } from "../../policies/catalog.ts";
import type { BagPath } from "./wire/passed.ts";

/** What a mode wants of an engine, free of any engine's words. */
export interface Intent {
  /** `as-sent`: the client drives thinking itself, or named a model and no mode. */
  readonly thinking: "on" | "off" | "as-sent";
  readonly effort: Exclude<Effort, "none"> | null;
  /** The most tokens that thinking may take; null for no bound of its own. */
  readonly thinkingTokensMax: number | null;
  /** The most tokens of an answer with its thinking; some engines bound the one by the other. */
  readonly outputTokens: number;
  readonly isStream: boolean;
  readonly temperature: number | null;
  /** The client wrote a temperature itself. */
  readonly setsTemperature: boolean;
  /** The client wrote an effort, and the wish above says it in words that this engine reads. */
  readonly replacesEffort: boolean;
  /** What passes of the client's bags (see `Engine.passes`), as JSON text by field; it drives thinking itself then. */
  readonly passed: Readonly<Record<string, string>>;
  /** The policy's bound on thinking, over the client's own fields as well; null where it has none. */
  readonly ceiling: Ceiling | null;
  /** Keeps one tenant's cached prefixes from another's; null where nothing is shared. */
  readonly cacheSalt: string | null;
  /** Names prompts that begin alike, where the upstream is declared to route by that; and whether the client does so itself. */
  readonly promptKey: string | null;
  readonly setsPromptKey: boolean;
}

export interface Ceiling {
  readonly tokens: number;
  /** The client's fields by their JSON text. */
  readonly standing: ReadonlyMap<string, string>;
}

export type Fidelity = "exact" | "approx" | "proxy" | "off";

/** What became of one wish. */
export interface Knob {
  readonly knob:
    | "thinking"
    | "effort"
    | "thinking-cap"
    | "reasoning-ceiling"
    | "temperature"
    | "cache-salt"
    | "prompt-cache-key"
    | "stream-usage"
    | "mode-prompt"
    | "strategy"
    | "output-cap";
  readonly fidelity: Fidelity;
  readonly reason: string;
}

export type Outcome = Omit<Knob, "knob">;

/** What the catalog says of the model that is asked. */
export interface Traits {
  has(capability: Capability): boolean;
  readonly thinking: "always" | "never" | null;
  readonly efforts: readonly Effort[] | null;
  readonly thinkingTokensMin: number | null;
  readonly thinkingTokensMax: number | null;
}

export type Wish =
  | { readonly isOn: false; readonly isStream: boolean }
  | {
      readonly isOn: true;
      readonly isStream: boolean;
      readonly effort: Intent["effort"];
      readonly tokensMax: number | null;
      readonly outputTokens: number;
    };

/** How a wish about thinking is told, and what becomes of it; a part without an outcome was not told. */
export interface Said {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly thinking: Outcome;
  readonly effort?: Outcome;
  readonly cap?: Outcome;
}

export type CapField = "max_tokens" | "max_completion_tokens";

export interface Engine {
  readonly id: string;
  /** What bounds the output when the client named no bound; absent: `max_tokens`, as most have it. */
  readonly capField?: CapField;
  /** It reads the other field too; absent: it ignores or refuses that, so a client's bound moves into its own. */
  readonly readsEitherCapField?: true;
  /** A client's `reasoning_effort` does not mean there what it says, so it is told in the engine's own words. */
  readonly misreadsEffort?: true;
  /** How thinking is switched, for a model with at least one of these capabilities; null when no way is known. */
  readonly thinking: {
    readonly switches: readonly Capability[];
    /** It has something to tell even to a model that always thinks: how little is enough. */
    readonly lessens: boolean;
    say(wish: Wish, traits: Traits): Said;
  } | null;
  /** The efforts that most of its models take, where they are not none, low, medium and high. */
  readonly efforts?: readonly Effort[];
  /** How it takes a bound on thinking, of a model with `thinking-cap`; null when it takes none. */
  readonly budget: Budget | null;
  /** Where it reads a client's thinking from a bag that clients may not send otherwise. */
  readonly passes?: BagPath;
  /** Why it has no words for a wish; absent where it has some, and only the catalog may forbid them. */
  readonly lacks: Readonly<Partial<Record<"thinking" | "effort" | "cap" | "salt", string>>>;
  /** Orders its queue by a number a call, lower first. */
  readonly takesPriority?: true;
  /** It reads a name for prompts that begin alike, at an upstream whose catalog says so. */
  readonly takesPromptKey?: true;
  /** What becomes of one while it thinks; absent: it is taken. */
  readonly temperature?: "refused-while-thinking" | "ignored-while-thinking";
}

export interface Budget {
  readonly path: readonly [string, ...string[]];
  /** Less is refused. */
  readonly tokensMin: number;
  /** It may be sent without a switch, and leaves open whether to think. */
  readonly standsAlone: boolean;
  /** It may not stand beside these. */
  readonly excludes: readonly (readonly string[])[];
  /** Without one, nothing is thought. */
  readonly isOptIn: boolean;
}

const PLAIN_BUDGET = {
  tokensMin: 1,
  standsAlone: true,
  excludes: [],
  isOptIn: false,
};

/** A bound on thinking by itself, in a field of its own, unless `ways` says otherwise. */
export function budgetAt(path: Budget["path"], ways: Partial<Omit<Budget, "path">> = {}): Budget {
  return { ...PLAIN_BUDGET, ...ways, path };
}

/** Why an engine has no words for a bound on thinking. */
export function noCap(engine: string): string {
  return `${engine} offers no bound on thinking apart from the total`;
}

/** Why an engine has no words for a salt. */
export function noSalt(engine: string, owner: string): string {
  return `${engine} takes no salt; its cache is ${owner}`;
}

/** The reason when an engine has the knob and the catalog does not claim it for the model. */
export function undeclared(...capabilities: readonly Capability[]): string {
  const names = capabilities.map((capability) => `"${capability}"`).join(" or ");
  return `the catalog does not declare ${names} for this model`;
}

/** A wish that this engine, or this model as declared, cannot fulfil. */
export function off(knob: Knob["knob"], reason: string): Knob {
  return { knob, fidelity: "off", reason };
}

export function exact(reason: string): Outcome {
  return { fidelity: "exact", reason };
}

export function approx(reason: string): Outcome {
  return { fidelity: "approx", reason };
}

export function unmet(reason: string): Outcome {
  return { fidelity: "off", reason };
}

/** What most models with efforts take: none to stop, and three levels. */
export const USUAL_EFFORTS: readonly Effort[] = ["none", "low", "medium", "high"];
/** What thinking that is merely on amounts to, where an effort must be named. */
const USUAL_EFFORT = "medium";

/** Thinking by effort alone: none is off, anything else is on. `spell` gives the fields for a level. */
export function sayByEffort(
  wish: Wish,
  traits: Traits,
  spell: (effort: Effort) => Readonly<Record<string, unknown>>,
  usual: readonly Effort[] = USUAL_EFFORTS,
): Said {
  const listed = traits.efforts ?? usual;
  const offered =
    traits.thinking === "always" ? listed.filter((effort) => effort !== "none") : listed;
  if (!wish.isOn) {
    if (offered.includes("none"))
      return { fields: spell("none"), thinking: exact("effort none switches it off") };
    const least = EFFORTS.find((effort) => offered.includes(effort)) ?? "low";
    return {
      fields: spell(least),
      thinking: approx(`this model cannot be told to stop; effort ${least} is its least`),
    };
  }
  const level = nearestEffort(wish.effort ?? USUAL_EFFORT, offered);
  if (level === null)
    return {
      fields: {},
      thinking: unmet("the catalog lists no effort at which this model thinks"),
    };
  const outcome = approx(`effort ${level}`);
  return {
    fields: spell(level),
    thinking: outcome,
    ...(wish.effort === null ? {} : { effort: outcome }),
  };
}

/** How hard to think, beside a switch that says whether: its fields and its outcome, or nothing when nobody asked. */
export function sayLevel(
  wish: Wish & { readonly isOn: true },
  traits: Traits,
  spell: (effort: Effort) => Readonly<Record<string, unknown>>,
  usual: readonly Effort[] = USUAL_EFFORTS,
): Pick<Said, "fields" | "effort"> {
  if (wish.effort === null) return { fields: {} };
  if (!traits.has("effort")) return { fields: {}, effort: unmet(undeclared("effort")) };
  const level = nearestEffort(wish.effort, traits.efforts ?? usual);
  if (level === null) return { fields: {}, effort: unmet("the catalog lists no effort for it") };
  return { fields: spell(level), effort: approx(`effort ${level}`) };
}

/** The level itself, or the nearest that is offered; of two as near, the cheaper. Never none. */
function nearestEffort(wanted: Effort, offered: readonly Effort[]): Effort | null {
  const distance = (effort: Effort): number =>
    Math.abs(EFFORTS.indexOf(effort) - EFFORTS.indexOf(wanted));
  const levels = EFFORTS.filter((effort) => effort !== "none" && offered.includes(effort));
  return levels.toSorted((left, right) => distance(left) - distance(right))[0] ?? null;
}

/** A cap on thinking within the bounds of engine and model: the tokens to send and what that is worth, or why none. */
export type Cap =
  | { readonly tokens: number; readonly outcome: Outcome }
  | { readonly tokens: null; readonly outcome: Outcome | null };

export function capThinking(
  wish: Wish & { readonly isOn: true },
  traits: Traits,
  name: string,
  engineMin = 1,
): Cap {
  if (wish.tokensMax === null) return { tokens: null, outcome: null };
  if (!traits.has("thinking-cap"))
    return { tokens: null, outcome: unmet(undeclared("thinking-cap")) };
  const least = Math.max(engineMin, traits.thinkingTokensMin ?? 1);
  const most = traits.thinkingTokensMax ?? Infinity;
  const tokens = Math.min(most, Math.max(least, wish.tokensMax));
  // An answer needs room behind its thinking, and some engines refuse a cap that leaves none.
  if (tokens >= wish.outputTokens) {
    const reason = `the least that may be asked for is ${tokens} tokens, and the whole answer has ${wish.outputTokens}`;
    return { tokens: null, outcome: unmet(reason) };
  }
  if (tokens === wish.tokensMax) return { tokens, outcome: exact(`${name} ${tokens}`) };
  const bound = tokens > wish.tokensMax ? "least" : "most";
  return {
    tokens,
    outcome: approx(`${name} ${tokens}, the ${bound} it takes; wished were ${wish.tokensMax}`),
  };
}

/** The outcome as a part of what was said, when there is one. */
export function capOutcome({ outcome }: Cap): Pick<Said, "cap"> {
  return outcome === null ? {} : { cap: outcome };
}

const effortField = (effort: Effort) => ({ reasoning_effort: effort });

/** The switch that the chat templates of most open models know. */
export function templateSwitch(isOn: boolean): Readonly<Record<string, unknown>> {
  return { chat_template_kwargs: { enable_thinking: isOn } };
}

/** As engines of open models are told: by the template's switch, with an effort beside it, or by the effort alone. */
export function sayByTemplate(wish: Wish, traits: Traits): Said {
  const isAlways = traits.thinking === "always";
  if (!traits.has("thinking-switch") || isAlways) {
    if (traits.has("effort")) return sayByEffort(wish, traits, effortField);
    return {
      fields: {},
      thinking: isAlways ? alwaysThinks(wish) : unmet(undeclared("thinking-switch", "effort")),
    };
  }
  const thinking = exact(`enable_thinking ${wish.isOn}`);
  if (!wish.isOn) return { fields: templateSwitch(false), thinking };
  const level = sayLevel(wish, traits, effortField);
  return { ...level, fields: { ...templateSwitch(true), ...level.fields }, thinking };
}

/** What becomes of a wish to a model that thinks whatever it is told. */
export function alwaysThinks(wish: Wish): Outcome {
  return wish.isOn
    ? exact("this model always thinks")
    : unmet("this model cannot be told to stop thinking");
}
