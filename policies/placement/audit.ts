// What a replica's matches were predicted to be against what its engine says that it took from its cache, and which
// difference must be told: a prediction that scores zero for ever looks like bad luck, and is a fault of somebody's settings.
import type { Domain } from "../prefix/keyed-hash.ts";

export type Alarm =
  /** Predicted, and never once borne out: the cache is off, or its salt changes, or the keys are of another prompt. */
  | "silent-zero"
  /** Cached as the engine says, and never once predicted, though it reports its blocks: the two count differently. */
  | "unpredicted"
  /** Matches are borne out by less than half: the cache is smaller than stated, or reports were lost. */
  | "over-predicted"
  /** The engine does not say what it took from its cache, so nothing can be checked. */
  | "unreported"
  /** Its events are of other keys than the gateway's, and nothing translates them: they tell how full it is, no more. */
  | "domain-mismatch"
  /** It told more blocks than the index remembers: what it holds cannot be counted against what it says. */
  | "events-beyond-memory";

/** Calls in a row that say the same before it is an alarm: as many by chance are rarer than a week of traffic. */
export const CALLS_IN_ROW = 20;
/** Reports over which the sums fade, as a mean age. */
const MEMORY_REPORTS = 64;
const KEPT = 1 - 1 / MEMORY_REPORTS;
/** Of what was predicted, below which a replica over-predicts. */
const BORNE_OUT_MIN = 0.5;
/** A prediction or report of less is noise: a block or two of a template that all prompts share. */
const TOKENS_MIN = 128;

export class Audit {
  #predicted = 0;
  #reported = 0;
  #count = 0;
  #zeros = 0;
  #surprises = 0;
  #silent = 0;

  get predictedTokens(): number {
    return this.#predicted;
  }
  get reportedTokens(): number {
    return this.#reported;
  }

  /** One call that ran to its end. `reportedTokens` null: the engine did not say. */
  learn(predictedTokens: number, reportedTokens: number | null): void {
    if (reportedTokens === null) {
      this.#silent++;
      return;
    }
    this.#silent = 0;
    this.#count = this.#count * KEPT + 1;
    this.#predicted = this.#predicted * KEPT + predictedTokens;
    this.#reported = this.#reported * KEPT + reportedTokens;
    if (reportedTokens > 0) this.#zeros = 0;
    else if (predictedTokens >= TOKENS_MIN) this.#zeros++;
    if (predictedTokens > 0) this.#surprises = 0;
    else if (reportedTokens >= TOKENS_MIN) this.#surprises++;
  }

  /** Persistent over-prediction: what is believed should be told anew. */
  get isOverPredicted(): boolean {
    return (
      this.#count >= CALLS_IN_ROW / 2 &&
      this.#predicted >= TOKENS_MIN * this.#count &&
      this.#reported < BORNE_OUT_MIN * this.#predicted
    );
  }

  /** `events`: the domain of the engine's, null when none flow; `isTranslated`: something stands between it and the keys'. */
  alarms(events: Domain | null, isTranslated: boolean): readonly Alarm[] {
    const alarms: Alarm[] = [];
    if (events !== null && events !== "units256" && !isTranslated) alarms.push("domain-mismatch");
    if (this.#silent >= CALLS_IN_ROW) alarms.push("unreported");
    if (this.#zeros >= CALLS_IN_ROW) alarms.push("silent-zero");
    else if (this.isOverPredicted) alarms.push("over-predicted");
    if (events !== null && this.#surprises >= CALLS_IN_ROW) alarms.push("unpredicted");
    return alarms;
  }

  /** The replica began anew: what it did before says nothing. */
  forget(): void {
    this.#predicted = this.#reported = this.#count = 0;
    this.#zeros = this.#surprises = this.#silent = 0;
  }
}
