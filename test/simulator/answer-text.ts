// Puts a judged answer into words: thinking with its candidates, a few steps, a program with its
// trace, or the bare answer. The length follows the tokens that the judgement asks for.
import { drawInteger, drawOne, drawUniform } from "./chance.ts";
import { formatNumber, type Item } from "./items/item.ts";
import { candidateStages, type Judgement } from "./judge.ts";
import type { Mode } from "./mode.ts";
import { parameters } from "./parameters.ts";
import { countTokens, takeTokens } from "./tokens.ts";

export type AnswerText = { readonly reasoning: string; readonly content: string };

/** How the prompt wants the final answer marked. */
export type AnswerMark = "plain" | "boxed" | "tags";

const thoughts = [
  "Let me write down what is known before I calculate anything.",
  "I should keep the order of the operations in mind here.",
  "Going through it once more, slowly, one operation at a time.",
  "Another way to look at it is to work backwards from the result.",
  "The numbers are given, so nothing has to be assumed.",
  "I want to be sure that no step was left out.",
  "Rounding would be a mistake at this point, so I keep the exact value.",
  "A rough estimate gives the right size, which is reassuring.",
] as const;

const doubts = [
  "Wait, that does not look right.",
  "Hmm, let me check that again.",
  "Hold on, I may have slipped.",
] as const;

export function markOf(prompt: string): AnswerMark {
  if (prompt.includes("\\boxed")) return "boxed";
  return /<ANSWER>|<COT>|<CODE>|<LONG_COT>/.test(prompt) ? "tags" : "plain";
}

/** `share` is how much of the needed thinking was allowed; `needTokens` is then already cut. */
export function writeAnswer(
  item: Item,
  mode: Mode,
  judgement: Judgement,
  options: {
    readonly key: string;
    readonly mark: AnswerMark;
    readonly share: number;
    readonly thinks: boolean;
    readonly final: string;
  },
): AnswerText {
  const { key, mark, share, thinks, final } = options;
  const closing = closeAnswer(final, mark, mode);
  if (mode === "direct") return { reasoning: "", content: closing };
  if (thinks) {
    const content = `I worked through it step by step: ${nameSteps(item)}.\n\n${closing}`;
    const tokens = Math.max(1, Math.round(judgement.needTokens * share) - countTokens(content));
    return { reasoning: think(item, judgement, tokens, judgement.needTokens, key), content };
  }
  const tokens = Math.max(0, judgement.needTokens - countTokens(closing));
  const body =
    mode === "long"
      ? think(item, judgement, tokens, tokens, key)
      : mode === "code"
        ? program(item, final, tokens, key)
        : steps(item, tokens, key);
  return { reasoning: "", content: `${body}\n\n${closing}` };
}

/** A plausible wrong answer: a slip of sign, of place or of one step. Few, so that errors can agree. */
export function nearMiss(item: Item, key: string): string {
  const { value } = item;
  const unit = Number.isInteger(value) ? 1 : 0.1;
  const slips = [
    value + unit,
    value - unit,
    value + 10 * unit,
    value * 2,
    value - 10 * unit,
    value === 0 ? 2 : -value,
  ];
  const slip =
    drawUniform(`${key}|slip`) < parameters.commonSlipShare
      ? drawOne(`${item.key}|common-slip`, slips)
      : drawOne(`${key}|own-slip`, slips);
  const text = formatNumber(slip);
  return text === item.answer ? formatNumber(value + unit) : text;
}

/** Candidates stand at the same eighths at which a cut would take them as the answer. */
function think(
  item: Item,
  judgement: Judgement,
  tokens: number,
  needTokens: number,
  key: string,
): string {
  let text = `First I need to ${nameSteps(item)}.\n`;
  let before: string | null = null;
  for (let stage = 1; stage <= candidateStages; stage += 1) {
    const endTokens = (needTokens * stage) / candidateStages;
    const candidate = judgement.isRightAt(stage / candidateStages)
      ? item.answer
      : nearMiss(item, key);
    const change =
      before !== null && before !== candidate ? `${drawOne(`${key}|${stage}|doubt`, doubts)} ` : "";
    const said = `${change}So the answer would be ${candidate}.\n`;
    // Short thinking has no room for eight candidates; the last one is always said.
    const fits = countTokens(text + said) <= endTokens || stage === candidateStages;
    if (fits) {
      text = pad(text, endTokens - countTokens(said), `${key}|${stage}`) + said;
      before = candidate;
    }
    if (endTokens >= tokens) break;
  }
  return takeTokens(text, tokens).trimEnd();
}

function steps(item: Item, tokens: number, key: string): string {
  const listed = item.steps.map((step, index) => `${index + 1}. ${step}`).join("\n");
  return takeTokens(pad(`${listed}\n`, tokens, key), tokens).trimEnd();
}

function program(item: Item, final: string, tokens: number, key: string): string {
  const body = item.steps
    .map((step, index) => `    value = ${step}(value)  # step ${index + 1}`)
    .join("\n");
  const code = `\`\`\`python\ndef solve():\n    value = start()\n${body}\n    return value\n\`\`\`\nTrace: solve() returns ${final}.\n`;
  return takeTokens(pad(code, tokens, key), Math.max(tokens, 1)).trimEnd();
}

function pad(text: string, tokens: number, key: string): string {
  const toTokens = Math.floor(tokens);
  let padded = text;
  for (
    let index = drawInteger(`${key}|first`, 0, thoughts.length - 1);
    countTokens(padded) < toTokens;
    index += 1
  ) {
    const thought = `${thoughts[index % thoughts.length] ?? ""} `;
    const room = toTokens - countTokens(padded);
    padded += countTokens(thought) <= room ? thought : takeTokens(thought, room);
  }
  return padded === text ? text : `${padded.trimEnd()}\n`;
}

function closeAnswer(final: string, mark: AnswerMark, mode: Mode): string {
  if (mark === "tags") return `<ANSWER>\n${final}\n</ANSWER>`;
  if (mark === "boxed")
    return mode === "direct" ? `\\boxed{${final}}` : `The answer is \\boxed{${final}}.`;
  return mode === "direct" ? final : `Answer: ${final}`;
}

function nameSteps(item: Item): string {
  return item.steps.length === 0 ? "read off the value" : item.steps.join(", then ");
}
