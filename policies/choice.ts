// What a choice is: an ordered ladder of arms, each with its strategies, settings, estimates and reasons.
import type { Features } from "../classifiers/features.ts";
import type { Capability, Catalog } from "./catalog.ts";
import type { Candidate } from "./head/decision.ts";
import type { Advice } from "./head/head.ts";
import type { Arm, Mode } from "./mode.ts";
import type { Policy } from "./policy.ts";

export interface Estimate {
  /** 0..1, expected probability of a right answer. */
  readonly score: number;
  readonly outputTokens: number;
  /** At the model's prices, or at the nominal price when it has none. */
  readonly costNanos: number;
  /** Of the input, what is expected to come from a cache. */
  readonly cachedTokens: number;
  /** The part of the cost that reads afresh what the conversation's last model is expected to hold; 0 where it stays. */
  readonly rereadNanos: number;
  /** To the answer's last byte; null where the catalog does not say how fast the model is. */
  readonly latencyMs: number | null;
  readonly utility: number;
  /** Where score and tokens come from: the priors and the shipped probe, or the tenant's own traffic. */
  readonly from:
    | { readonly kind: "prior" }
    /** Lessons behind it after discounting, and half of the score's 95 % interval. */
    | { readonly kind: "learned"; readonly evidence: number; readonly halfWidth: number };
}

/** DiffAdapt's three strategies (arXiv 2510.19669), applied only to what the client left open. */
export interface Settings {
  readonly temperature: number | null;
  /** Share of the policy's widest cap, the one of `long`. */
  readonly budgetFraction: number;
  /** That share in tokens; null where nothing is shared out. */
  readonly outputTokensMax: number | null;
  /** How hard a model that thinks should think, where its engine can be told; null leaves it the engine's default. */
  readonly effort: "high" | null;
  /** What the class behind them was read from; DiffAdapt reads the hidden state of the model that answers. */
  readonly tier: DifficultyTier;
}

export interface Rung {
  readonly arm: Arm;
  readonly strategies: readonly string[];
  readonly settings: Settings;
  readonly estimate: Estimate;
  /** Why this rung stands here: one word for headers and rows, one sentence for people. */
  readonly reason: Reason;
}

export interface Reason {
  readonly word: ReasonWord;
  readonly sentence: string;
}

export type ReasonWord =
  | "utility"
  | "asked-mode"
  | "asked-model"
  | "asked-effort"
  | "sticky"
  | "tool-result"
  | "escalated"
  | "low-confidence"
  | "hard"
  | "explored"
  | "floor"
  | "ceiling"
  | "fallback"
  | "cheaper";

export type DifficultyClass = "easy" | "normal" | "hard";
export type DifficultyTier = "text" | "hidden-state";

/** What came of asking a pooling replica for the query's hidden state. */
export type HiddenState =
  | { readonly kind: "read"; readonly model: string; readonly class: DifficultyClass }
  /** The text decides; `reason` is a clause. */
  | { readonly kind: "unread"; readonly reason: string };

export interface Choice {
  readonly ladder: readonly [Rung, ...Rung[]];
  /** The probability with which the first rung's arm was chosen: 1 but where the policy explores. */
  readonly propensity: number;
  /** Chance put the first rung there, and not its utility. */
  readonly isExplored: boolean;
  /** What chance had to choose from, whatever it chose; empty where nothing was left to it. */
  readonly candidates: readonly Candidate[];
  readonly difficultyClass: DifficultyClass;
  /** What that class was read from, how true that is to DiffAdapt, and why. */
  readonly difficultyFrom: {
    readonly tier: DifficultyTier;
    readonly fidelity: "exact" | "proxy";
    readonly reason: string;
  };
  /**
   * Every arm that was weighed, best first: the models of each mode in their order, up to the first that nothing is held
   * against.
   */
  readonly weighed: readonly {
    readonly arm: Arm;
    readonly estimate: Estimate;
    readonly ruledOut: string | null;
  }[];
}

/** What a provider's cache is expected to hold of a prompt, from what was sent there and when. */
export interface Cached {
  readonly tokens: number;
  /** All that was sent there of this conversation is known; else it may have been sent by somebody who cannot be asked. */
  readonly isWhole: boolean;
}

export interface Question {
  readonly features: Features;
  readonly policy: Policy;
  readonly catalog: Catalog;
  /** Catalog models that the tenant may use; null means all. */
  readonly modelsAllowed: readonly string[] | null;
  readonly asked: {
    readonly mode: Mode | null;
    readonly model: string | null;
    readonly effort: string | null;
  };
  readonly conversation: {
    /** What the conversation ran on before, if anything is remembered. */
    readonly previous: Arm | null;
    /** The last turn is a tool's result, so nothing may switch. */
    readonly isToolResult: boolean;
    /** Tokens that the previous arm's cache may hold, and another would have to read again. */
    readonly prefixTokens: number;
  };
  readonly inputTokens: number;
  /** What the request needs of a model beyond text; a model that does not declare it is passed over if another does. */
  readonly needs: readonly Capability[];
  /** Score per thousandth of a dollar: the policy's, raised by the ledger as a budget empties. */
  readonly lambda: number;
  /** What the tenant's own traffic taught about the arms; null: the priors alone. */
  readonly advice: Advice | null;
  /** 0..1, which decides whether and what is explored; null: nothing is. */
  readonly chance: number | null;
  /** By model; one that is missing, and all where this is absent: nobody knows, and the last model is taken to hold it all. */
  readonly cached?: ReadonlyMap<string, Cached>;
  /** Of a policy that asks for it; absent: the text decides. */
  readonly hiddenState?: HiddenState;
}

export type ChoiceFailure =
  | { readonly kind: "model-unknown"; readonly model: string }
  | { readonly kind: "mode-unbound"; readonly mode: Mode; readonly bound: readonly Mode[] }
  | { readonly kind: "no-arm"; readonly policy: string };

export type Chosen = { readonly kind: "chosen"; readonly choice: Choice } | ChoiceFailure;
