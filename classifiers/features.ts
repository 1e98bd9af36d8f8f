// What the probe says of a query: the contract with everybody who asks it.

export const KINDS = ["math", "code", "knowledge", "logic", "chat"] as const;
export type Kind = (typeof KINDS)[number];

export interface Features {
  /** 0..1, how demanding the query is; orders queries inside a domain. */
  readonly difficulty: number;
  /** 0..1, the probability that a mid-sized model fails. */
  readonly hard: number;
  readonly kind: Kind;
  /** Output tokens that a mid-sized model is expected to spend in each mode. */
  readonly expectedTokens: {
    readonly direct: number;
    readonly short: number;
    readonly code: number;
    readonly long: number;
  };
  /** 0..1, how far the numbers above can be trusted; low sends the choice to the policy's safe mode. */
  readonly confidence: number;
  /** 0..1, the share of the query's words and pairs of words that the training never kept; already in `confidence`. */
  readonly novelty: number;
  /** Facts of the text's surface that the choice may read: they are what format priors hang on. */
  readonly shape: Shape;
  /** 96 small numbers by which like queries are alike (represent.ts), for the online head; never shown. */
  readonly representation: Int8Array;
}

export interface Shape {
  /** UTF-16 units of the query, and of its stem without answer options. */
  readonly chars: number;
  readonly stemChars: number;
  /** Answer options that were found: "A) ...", "(B) ...", inline choices. */
  readonly choices: number;
  readonly digits: number;
  /** Quantities, so 3.5 and 1,200 count once each. */
  readonly numbers: number;
  readonly operators: number;
  readonly latex: boolean;
  readonly codeBlock: boolean;
  /** Cues of several dependent steps ("then", "each", "per", "how many ... left"). */
  readonly steps: number;
  /** Cues that a procedure must be traced or simulated: loops, sequences of moves, tables, dates. */
  readonly procedural: number;
}
