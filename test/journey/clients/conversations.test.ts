// Conversations: a turn stays where its cache is, a tool's result never switches, a session's name joins turns that
// have no words in common, and no tenant meets another's.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ask, readJson } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const OTHER_SECRET = "sk-sluice-journey-other";
const EASY = "What is the capital of Peru?";
const TALK = "Thank you!";
/** Several steps of mathematics, which an answer alone never does. */
const HARD =
  "Let $f(x) = x^3 - 3x + 1$. Prove that $f$ has three real roots $a, b, c$, then find $a^4 + b^4 + c^4$ and $\\sum_{i=1}^{10} i^2$ step by step.";

interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: readonly object[];
  readonly tool_call_id?: string;
}

interface Turn {
  readonly arm: string;
  readonly reason: string | null;
  readonly said: Message;
}

let gateway: GatewayUnderTest;
let conversations = 0;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    tenants: [{ id: "other", name: "Other", policy: "balanced" }],
    keys: [{ secret: OTHER_SECRET, document: { id: "other", tenant: "other" } }],
  });
});
beforeEach(() => {
  conversations += 1;
});
afterAll(() => gateway.dispose());

test("later turns stay on the first turn's arm while it can do them", async () => {
  const history = open(EASY);
  const first = await say(history);
  const second = await say([...history, first.said, { role: "user", content: TALK }]);
  const third = await say([
    ...history,
    first.said,
    { role: "user", content: TALK },
    second.said,
    { role: "user", content: "And of Chile?" },
  ]);

  expect(second).toMatchObject({ arm: first.arm, reason: "sticky" });
  expect(third).toMatchObject({ arm: first.arm, reason: "sticky" });
});

test("without the conversation before it the same turn may run elsewhere", async () => {
  const history = open(HARD);
  const hard = await say(history);
  const alone = await say(open(TALK));
  const inside = await say([...history, hard.said, { role: "user", content: TALK }]);

  expect(alone.arm).not.toBe(hard.arm);
  expect(inside).toMatchObject({ arm: hard.arm, reason: "sticky" });
});

test("a turn that the arm cannot do escalates, and the conversation stays there afterwards", async () => {
  const history = open(EASY);
  const first = await say(history);
  const hard = await say([...history, first.said, { role: "user", content: HARD }]);
  const after = await say([
    ...history,
    first.said,
    { role: "user", content: HARD },
    hard.said,
    { role: "user", content: TALK },
  ]);

  expect(first.arm).toBe("small/direct");
  expect(hard.reason).toBe("escalated");
  expect(hard.arm).not.toBe(first.arm);
  expect(after).toMatchObject({ arm: hard.arm, reason: "sticky" });
});

test("a tool's result never switches, however hard it reads and whatever is asked", async () => {
  const history = open(EASY);
  const first = await say(history);
  const called: Message = {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "call_1", type: "function", function: { name: "search", arguments: "{}" } }],
  };
  const result: Message = { role: "tool", tool_call_id: "call_1", content: HARD };
  const plain = await say([...history, called, result]);
  const withMode = await say([...history, called, result], { "x-sluice-mode": "long" });

  expect(plain).toMatchObject({ arm: first.arm, reason: "tool-result" });
  expect(withMode).toMatchObject({ arm: first.arm, reason: "tool-result" });
});

/** A mode that was asked for cannot be derived from the history, so only memory knows of it. */
const IN_CODE = { "x-sluice-mode": "code" };

test("a mode that one turn asked for is kept for the next", async () => {
  const history = open(EASY);
  const asked = await say(history, IN_CODE);
  const next = await say([...history, asked.said, { role: "user", content: TALK }]);

  expect(asked.arm).toBe("coder/code");
  expect(next).toMatchObject({ arm: "coder/code", reason: "sticky" });
});

test("conversations with the same first words and other instructions are apart", async () => {
  const hard = await say(open(HARD, "You are a mathematician."), IN_CODE);
  const turns = (system: string): Message[] => [
    ...open(HARD, system),
    hard.said,
    { role: "user", content: TALK },
  ];

  expect(await say(turns("You are a mathematician."))).toMatchObject({
    arm: hard.arm,
    reason: "sticky",
  });
  expect((await say(turns("You are a poet."))).arm).not.toBe(hard.arm);
});

test.each(["x-sluice-session", "x-session-id", "session_id", "x-claude-code-session-id"])(
  "%s joins turns whose first words differ",
  async (header) => {
    const headers = { [header]: `${header} ${conversations}` };
    const hard = await say(open(HARD), { ...headers, ...IN_CODE });
    const later: Message[] = [
      { role: "user", content: "Earlier turns were summed up." },
      hard.said,
      { role: "user", content: TALK },
    ];
    const joined = await say(later, headers);
    const stranger = await say(later, { [header]: `another ${conversations}` });

    expect(joined).toMatchObject({ arm: hard.arm, reason: "sticky" });
    expect(stranger.arm).not.toBe(hard.arm);
  },
);

test("two tenants with the same session never share it", async () => {
  const headers = { "x-sluice-session": `shared ${conversations}` };
  const history = open(HARD);
  const hard = await say(history, { ...headers, ...IN_CODE });
  const turns: Message[] = [...history, hard.said, { role: "user", content: TALK }];

  expect((await say(turns, headers, OTHER_SECRET)).arm).not.toBe(hard.arm);
  expect(await say(turns, headers)).toMatchObject({ arm: hard.arm, reason: "sticky" });
});

test("a model by name neither follows a conversation nor leads it", async () => {
  const history = open(EASY);
  const first = await say(history);
  const turns: Message[] = [...history, first.said, { role: "user", content: TALK }];
  const named = await say(turns, {}, gateway.secret, "deep");
  const after = await say(turns);

  expect(named).toMatchObject({ arm: "deep/as-sent", reason: "asked-model" });
  expect(after).toMatchObject({ arm: first.arm, reason: "sticky" });
});

/** A conversation that no other test has. */
function open(content: string, system = "You are kind."): Message[] {
  return [
    { role: "system", content: `${system} Conversation ${conversations}.` },
    { role: "user", content },
  ];
}

async function say(
  messages: readonly Message[],
  headers: Readonly<Record<string, string>> = {},
  secret = gateway.secret,
  model = "auto",
): Promise<Turn> {
  const response = await ask(gateway, { model, messages }, { headers, secret });
  const answer = await readJson<{ choices: readonly { message: Message }[] }>(response);
  return {
    arm: `${response.headers.get("x-sluice-model")}/${response.headers.get("x-sluice-mode")}`,
    reason: response.headers.get("x-sluice-reason"),
    said: answer.choices[0]!.message,
  };
}
