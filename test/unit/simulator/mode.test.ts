// Which format a request asks for, by knob and by words.
import { expect, test } from "vitest";
import { chooseMode } from "../../simulator/mode.ts";
import { profileOf } from "../../simulator/parameters.ts";
import { chatBody, chooseFirst, requestOf, type Body } from "./ask.ts";

const question = "What is 48 * 17?";

function modeOf(body: Body): ReturnType<typeof chooseMode> {
  const request = requestOf(body);
  return chooseMode(request, profileOf(request.model), false);
}

test.each([
  ["Answer with only the final answer.", "direct"],
  ["Give just the answer.", "direct"],
  ["Answer directly, without working it out in writing first.", "direct"],
  ["Reply with the answer and nothing else.", "direct"],
  ["No explanation.", "direct"],
  ["Think briefly, in a few short steps, then give the final answer.", "short"],
  ["Be concise.", "short"],
  ["Write a small Python function that solves it, then trace it.", "code"],
  ["Reason by writing a short program for this, trace it by hand, and give the result.", "code"],
  ["Solve it with code.", "code"],
  ["Think about it carefully and at length.", "long"],
  ["", "short"],
] as const)("%j asks for %s when thinking is off", (instruction, mode) => {
  expect(modeOf(chatBody(`${question}\n\n${instruction}`, { reasoning_effort: "none" })).mode).toBe(
    mode,
  );
});

test.each([
  [{}, "sim-mid", false],
  [{}, "sim-small", false],
  [{}, "sim-large", true],
  [{}, "any-other-name", false],
  [{ reasoning_effort: "none" }, "sim-large", false],
  [{ reasoning_effort: "minimal" }, "sim-large", false],
  [{ reasoning_effort: "low" }, "sim-small", true],
  [{ reasoning_effort: "max" }, "sim-mid", true],
  [{ chat_template_kwargs: { enable_thinking: true } }, "sim-mid", true],
  [
    { chat_template_kwargs: { enable_thinking: false }, reasoning_effort: "high" },
    "sim-mid",
    false,
  ],
  [{ thinking_token_budget: 100 }, "sim-mid", true],
  [{ thinking_token_budget: 0 }, "sim-large", false],
] as const)("%j on %s turns thinking on: %s", (knobs, model, thinks) => {
  expect(modeOf(chatBody(question, { model, ...knobs }))).toMatchObject({
    thinks,
    ...(thinks ? { mode: "long" } : {}),
  });
});

test("thinking on is stronger than words that ask for another format", () => {
  expect(
    modeOf(chatBody(`${question} Answer with only the final answer.`, { reasoning_effort: "high" }))
      .mode,
  ).toBe("long");
});

test.each([
  ["<ANSWER>\n", "direct"],
  ["<COT>\n", "short"],
  ["<CODE>\n", "code"],
  ["<LONG_COT>\n", "long"],
] as const)("ARM's prefill %j asks for %s and is answered in its tags", (prefill, mode) => {
  const body: Body = {
    model: "sim-mid",
    messages: [
      { role: "user", content: "What is 2+2?" },
      { role: "assistant", content: prefill },
    ],
    continue_final_message: true,
    add_generation_prompt: false,
  };
  expect(modeOf(body)).toMatchObject({ mode, thinks: false });
  expect(chooseFirst(body).content).toMatch(/<ANSWER>\n4\n<\/ANSWER>$/);
});

test("a length asked for in words is half obeyed", () => {
  const tokensOf = (wish: string): number =>
    chooseFirst(
      chatBody(`What is 48 * 17 - 91 + 12 * 15 - 33? ${wish}`, { reasoning_effort: "medium" }),
    ).completionTokens;
  const free = tokensOf("");
  const wished = tokensOf("Use at most 100 tokens.");
  expect(wished).toBeLessThan(free);
  expect(wished).toBeGreaterThan(100);
});

test("shortness asked for in words shortens thinking", () => {
  const tokensOf = (wish: string): number =>
    chooseFirst(chatBody(`${question} ${wish}`, { reasoning_effort: "medium" })).completionTokens;
  expect(tokensOf("Be concise.")).toBeLessThan(tokensOf(""));
});
