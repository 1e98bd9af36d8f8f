// A client API that is not the upstream's own: its answers are made of deltas, streamed and whole, and end as truly.
import { afterEach, expect, test, vi } from "vitest";
import { answerWhole, pump, type Answerable, type AnswerContext } from "../../../worker/answer.ts";
import { attempt } from "../../../worker/attempt.ts";
import { chat } from "../../../worker/dialect/chat.ts";
import type { Delta, Dialect } from "../../../worker/dialect/dialect.ts";
import type { Failure } from "../../../worker/failure.ts";
import type { Held } from "../../../worker/hold.ts";
import { OpenCall, type CallAccount, type Settled } from "../../../worker/open-call.ts";
import type { Metering } from "../../../worker/metering.ts";
import type { Preparation } from "../../../worker/prepare.ts";
import { Outlet } from "../../../worker/stream/outlet.ts";
import { Patience } from "../../../worker/stream/patience.ts";

/** Says each delta in a line of its own, and nothing of chat completions. */
const LINES: Dialect = {
  ...chat,
  name: "lines",
  passesBytes: false,
  write: (_head, deltas) => deltas.map(line).join(""),
  event: {
    open: () => "open\n",
    delta: (_head, delta) => line(delta),
    cut: (_head, answers) => `cut ${answers.join()}\n`,
    close: () => "close\n",
  },
  fail: { body: ({ code }) => `failed ${code}\n`, event: ({ code }) => `failed ${code}\n` },
  explain: {
    body: (answer, explanation) => `${answer}${explanation}\n`,
    event: (_head, explanation) => `${explanation}\n`,
    isLast: () => false,
  },
};

const HOLD = { callId: "r:1", outputTokens: 100, heldTokens: 110, heldNanos: 0 } as Held;

function line(delta: Delta): string {
  return delta.kind === "text" || delta.kind === "reasoning"
    ? `${delta.kind} ${delta.text}\n`
    : `${delta.kind}\n`;
}

function chunk(fields: object): string {
  return `data: ${JSON.stringify(fields)}\n\n`;
}

const STREAM = [
  chunk({ choices: [{ index: 0, delta: { role: "assistant", content: "" } }] }),
  chunk({ choices: [{ index: 0, delta: { reasoning_content: "Hm." } }] }),
  chunk({ choices: [{ index: 0, delta: { content: "Yes." } }] }),
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  chunk({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 } }),
  "data: [DONE]\n\n",
];

afterEach(() => {
  vi.restoreAllMocks();
});

/** A call whose upstream says this, and what it settles as. */
function openCall(
  body: string,
  contentType: string,
  metering: Metering | null = null,
): { call: OpenCall; settled: (Settled | Promise<Settled>)[] } {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(
    new Response(body, { headers: { "content-type": contentType } }),
  );
  const settled: (Settled | Promise<Settled>)[] = [];
  const outbound = {
    url: "http://upstream.invalid/v1/chat/completions",
    secret: null,
    body: "{}",
    isStream: contentType === "text/event-stream",
    idleMs: 1000,
    deadlineMs: 1000,
  };
  const preparation = {
    inputTokens: 7,
    draft: { ask: { answers: 1 } },
    model: { contextTokens: 100_000 },
    upstream: {},
  } as Preparation;
  const account = { ending: null } as CallAccount;
  const attempted = attempt(HOLD, outbound, () => Date.now(), new Patience());
  const call = new OpenCall(
    attempted,
    preparation,
    HOLD,
    account,
    (of) => settled.push(of),
    metering,
  );
  return { call, settled };
}

async function streamed(
  driven: Answerable,
  budgetEnd: AnswerContext["budgetEnd"] = () => null,
): Promise<{ text: string; failure: Failure | null }> {
  const patience = new Patience();
  const outlet = new Outlet(patience, 1000);
  let failure: Failure | null = null;
  const close: AnswerContext["close"] = (of) => {
    failure = of;
  };
  const context = { ...contextWith(patience, close), budgetEnd };
  const [text] = await Promise.all([
    new Response(outlet.readable).text(),
    pump(Promise.resolve(driven), outlet, context),
  ]);
  return { text, failure };
}

function contextWith(patience: Patience, close: AnswerContext["close"]): AnswerContext {
  return {
    dialect: LINES,
    head: { requestId: "r", model: "m", createdSeconds: 1, wantsUsage: false },
    heartbeatMs: 1000,
    patience,
    budgetEnd: () => null,
    explain: () => "because",
    close,
  };
}

test("a relayed stream is rendered delta by delta, and its call settled exactly", async () => {
  const { call, settled } = openCall(STREAM.join(""), "text/event-stream");
  const { text, failure } = await streamed({ kind: "relay", call });
  expect(text).toBe("open\nreasoning Hm.\ntext Yes.\nfinish\nusage\nbecause\nclose\n");
  expect(failure).toBeNull();
  expect(settled).toEqual([expect.objectContaining({ certainty: "exact", ending: "complete" })]);
});

test("a stream that breaks ends with a failure and without its close", async () => {
  const { call, settled } = openCall(STREAM.slice(0, 3).join(""), "text/event-stream");
  const { text, failure } = await streamed({ kind: "relay", call });
  expect(text).toBe("open\nreasoning Hm.\ntext Yes.\nfailed upstream_cut\n");
  expect(failure).toMatchObject({ kind: "upstream-cut" });
  expect(settled).toEqual([expect.objectContaining({ ending: "upstream-broke" })]);
});

test("a stream that the budget ends is rendered to a clean end, with the reason in a comment", async () => {
  const end = { kind: "refused", scope: "tenant", dimension: "tokens", window: "day" } as const;
  /** Has no more once the first words were seen. */
  class Exhausted {
    end: typeof end | null = null;
    heldTokens = 1;
    get isWaiting(): boolean {
      return false;
    }
    see(): void {
      this.end = end;
    }
    heedSilence(): void {}
  }
  const exhausted = new Exhausted();
  const words = chunk({ choices: [{ index: 0, delta: { content: "Yes." } }] });
  const { call, settled } = openCall(words, "text/event-stream", exhausted as unknown as Metering);
  const { text, failure } = await streamed({ kind: "relay", call }, () => exhausted.end);
  expect(text).toBe(
    "open\ntext Yes.\nfinish\nusage\n" +
      ": sluice ended=budget; scope=tenant; dimension=tokens; window=day\n\nbecause\nclose\n",
  );
  expect(failure).toBeNull();
  expect(settled).toEqual([expect.objectContaining({ certainty: "at_least", ending: "budget" })]);
  expect(call.account.budgetEnd).toEqual(end);
});

test("a whole answer is rendered from what it says", async () => {
  const body = JSON.stringify({
    choices: [{ index: 0, message: { content: "Yes." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 5, completion_tokens: 3 },
  });
  const { call, settled } = openCall(body, "application/json");
  const answered = await answerWhole(
    { kind: "relay", call },
    contextWith(new Patience(), () => undefined),
  );
  expect(answered).toEqual({ kind: "answered", body: "text Yes.\nfinish\nusage\nbecause\n" });
  expect(settled).toEqual([expect.objectContaining({ certainty: "exact", ending: "complete" })]);
});

test("a whole answer that fails is a failure, not half an answer", async () => {
  const { call } = openCall("{", "application/json");
  const answered = await answerWhole(
    { kind: "relay", call },
    contextWith(new Patience(), () => undefined),
  );
  expect(answered).toMatchObject({ kind: "upstream-failed" });
});

test("a strategy's own deltas are written as they come", async () => {
  async function* own(): AsyncGenerator<Delta> {
    yield { kind: "text", text: "one" };
    await Promise.resolve();
    yield { kind: "text", text: "two" };
  }
  const { text } = await streamed({ kind: "deltas", deltas: own(), calls: [] });
  expect(text).toBe("open\ntext one\ntext two\nbecause\nclose\n");
});
