// What a strategy is: a composable change to how an arm runs. It may rewrite what is asked, drive the calls, or both.
// A strategy is a file beside this one and a line in table.ts; nothing else in the worker knows its id.
import type { Rung } from "../../policies/choice.ts";
import type { Mode } from "../../policies/mode.ts";
import type { Ask, Delta } from "../dialect/dialect.ts";
import type { Failure } from "../failure.ts";
import type { OpenCall } from "../open-call.ts";
import type { Knob } from "../upstream/engine.ts";

/** A call as it will be asked, before an engine's words are found for it. */
export interface Draft {
  readonly ask: Ask;
  readonly mode: Mode | null;
  /** Text blocks behind the last user turn, in order. */
  readonly notes: readonly string[];
  /**
   * Text blocks that stand before those, and again behind every earlier user turn while the conversation stays on its
   * arm: those turns were sent with them, so an engine that cached them finds its prefix unchanged.
   */
  readonly turnNotes: readonly string[];
  readonly temperature: number | null;
  readonly effort: "high" | null;
  /** The most output for each answer. */
  readonly outputTokens: number;
  /** What was wished for and could not be done, or only in part. */
  readonly knobs: readonly Knob[];
}

/** What a driver asks of one call; what it leaves out is as the client asked. */
export interface CallOrder {
  /** For the account: `answer` for the one that the client gets, a word of the strategy's otherwise. */
  readonly purpose: string;
  readonly isStream?: boolean;
  readonly notes?: readonly string[];
  readonly outputTokens?: number;
  /** Another ladder than the plan's, for a sub-call on a cheaper arm. */
  readonly ladder?: readonly [Rung, ...Rung[]];
}

export type Called =
  | { readonly kind: "open"; readonly call: OpenCall }
  | { readonly kind: "failed"; readonly failure: Failure };

/** Everything that a driver may do: one metered, held call. */
export type Call = (order: CallOrder) => Promise<Called>;

/** What the client gets: one call's bytes as they come, or deltas of the strategy's own making. */
export type Driven =
  | { readonly kind: "relay"; readonly call: OpenCall }
  | {
      readonly kind: "deltas";
      readonly deltas: AsyncGenerator<Delta>;
      readonly calls: readonly OpenCall[];
    }
  | { readonly kind: "failed"; readonly failure: Failure };

export interface Strategy {
  readonly id: string;
  rewrite?(draft: Draft, rung: Rung): Draft;
  /** At most one driver runs: the first that the rung names. Without one, one call answers. */
  drive?(ask: Ask, ladder: readonly [Rung, ...Rung[]], call: Call): Promise<Driven>;
}
