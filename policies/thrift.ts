// The choice under a budget's price: easy requests fall to shorter arms before anything is refused. Decided where a choice
// is, at the start of a conversation or where it may switch anyway, and never in the middle of an answer.
import type { Choice, ChoiceFailure, Question } from "./choice.ts";
import { choose } from "./choose.ts";
import type { Arm } from "./mode.ts";

/** What the budget had to say in a choice. */
export interface Thrift {
  /** Its price, which was added to the policy's lambda; 0 for a caller who would rather be refused. */
  readonly lambda: number;
  /** The arm without that price, also without what it did to the conversation's earlier turns. */
  readonly undegraded: Arm;
  readonly isStrict: boolean;
}

/**
 * Of rungs that could run now, best first, those that a budget may choose among. Stand-ins are in a ladder for when an
 * upstream fails, and many are cheaper: to a strict caller a short budget is a refusal and never one of them.
 */
export function affordableAmong<Rung>(
  rungs: readonly Rung[],
  { isStrict }: Pick<Thrift, "isStrict">,
): readonly Rung[] {
  return isStrict ? rungs.slice(0, 1) : rungs;
}

export type ThriftyChosen =
  | { readonly kind: "chosen"; readonly choice: Choice; readonly thrift: Thrift }
  | ChoiceFailure;

/**
 * Chooses with the price on top of the question's lambda; without one the choice is the plain one. A caller who is strict
 * gets neither the price nor the rungs that are only cheaper: either what it would have had, or, when its upstream fails,
 * a stand-in for that, or a refusal.
 *
 * `undegraded`: what the conversation would have run on without earlier prices, where that is another arm. The choice
 * without a price stays with that one, or a conversation that began in need would keep to the arm of its need for ever; but
 * the turn of a tool's result switches for nothing, and only says what it lacks.
 */
export function chooseThriftily(
  question: Question,
  price: { readonly lambda: number; readonly isStrict: boolean },
  undegraded: Arm | null = null,
): ThriftyChosen {
  const { isStrict } = price;
  const { conversation } = question;
  const isBound = conversation.isToolResult;
  // Nor is anything tried out on a caller who is strict.
  const asked = isStrict ? { ...question, chance: null } : question;
  const plain = choose(
    undegraded === null || isBound
      ? asked
      : { ...asked, conversation: { ...conversation, previous: undegraded } },
  );
  if (plain.kind !== "chosen") return plain;
  const [first, ...rest] = plain.choice.ladder;
  const lambda = isStrict ? 0 : price.lambda;
  const lacked = isBound ? undegraded : null;
  const thrift: Thrift = { lambda, undegraded: lacked ?? first.arm, isStrict };
  if (isStrict) {
    const others = rest.filter(({ reason }) => reason.word !== "cheaper");
    return { kind: "chosen", choice: { ...plain.choice, ladder: [first, ...others] }, thrift };
  }
  if (lambda === 0) return { kind: "chosen", choice: plain.choice, thrift };
  const priced = choose({ ...question, lambda: question.lambda + lambda });
  return priced.kind === "chosen" ? { ...priced, thrift } : priced;
}
