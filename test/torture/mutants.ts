// Faults that a ledger could have, as patches of its core. A search that finds none of them proves nothing.
import { BOUND_MUTANTS } from "./mutants-of-the-bound.ts";
import { FIELD_MUTANTS } from "./mutants-of-the-field.ts";

export interface Mutant {
  readonly name: string;
  /** Whose fault it was. Section numbers are those of the budgets' specification. */
  readonly of: string;
  /** In policies/ledger/. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [...BOUND_MUTANTS, ...FIELD_MUTANTS];
