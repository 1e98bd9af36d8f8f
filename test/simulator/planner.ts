// A request for a plan rather than for an answer: recognised by its words, and answered with the
// item's named steps, or with another item's when the model misreads the question.
import { drawOne } from "./chance.ts";
import type { ChatRequest } from "./chat-request.ts";
import { stepNames, type Item, type StepName } from "./items/item.ts";

const plansAsked =
  /\b(?:sub-?(?:questions?|problems?|tasks?)|decompos\w+|break (?:it|this|the \w+) (?:down|into)|(?:write|give|make|draft|produce|list|return) (?:\w+ ){0,4}(?:outline|plan|steps)\b)/i;
const answerForbidden =
  /\b(?:do not|don't|without|never|not) (?:\w+ ){0,2}(?:solv\w+|answer\w*|calculat\w+|comput\w+)|\bonly (?:\w+ ){0,3}(?:outline|plan|json|sub-?questions?|steps)\b/i;
const jsonAsked = /\bjson\b/i;

/** The sentence or paragraph that asks for a plan, without the question that the plan is for. */
export function isPlanRequest(text: string): boolean {
  return plansAsked.test(text) || answerForbidden.test(text);
}

export function asksForPlan(request: ChatRequest): boolean {
  const asked = request.messages
    .filter((message) => message.role === "user" || message.role === "system")
    .map((message) => message.content)
    .join("\n");
  return plansAsked.test(asked) && (answerForbidden.test(asked) || jsonAsked.test(asked));
}

/** As many steps as the item has; when misread, each is another operation than the item's. */
export function planSteps(item: Item, understood: boolean, key: string): readonly string[] {
  const others = stepNames.filter((name) => !item.steps.includes(name));
  return item.steps.map(
    (step, index) => describe[understood ? step : drawOne(`${key}|plan${index}`, others)],
  );
}

export function writePlan(steps: readonly string[], request: ChatRequest): string {
  const wantsJson = request.messages.some(
    (message) => message.role !== "assistant" && jsonAsked.test(message.content),
  );
  return wantsJson
    ? JSON.stringify({ steps })
    : steps.map((step, index) => `${index + 1}. ${step}`).join("\n");
}

/** Each line holds the words by which `elements.ts` recognises its operation, and no other's. */
const describe: Readonly<Record<StepName, string>> = {
  add: "Add the next amount",
  subtract: "Subtract the next amount",
  multiply: "Multiply by the next number",
  divide: "Divide by the next number",
  power: "Raise to the power",
  root: "Take the root",
  percentage: "Apply the percentage",
  rate: "Use the rate over the given time",
  share: "Share it out equally",
  convert: "Convert to the wanted unit",
  expand: "Expand the brackets",
  collect: "Collect like terms",
  isolate: "Isolate the unknown",
};
