// The AI SDK when things go wrong: leaving in the middle, a stream that breaks, asking again, being told no. One attempt
// upstream for each of its requests, so that every retry is the client's own. Tests that wait run side by side,
// those that wait longest first.
import { APICallError, generateText, RetryError, streamText } from "ai";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JournalRow } from "../support/journal.ts";
import {
  endingsIn,
  expectEachEndedOnce,
  policy,
  secretOf,
  startFaultGateway,
  type FaultGateway,
} from "../faults/fault-gateway.ts";
import { startScriptedUpstream, type ScriptedUpstream } from "../faults/scripted-upstream.ts";
import { AI_SDK_CLIENTS, type AiSdkClient } from "../support/ai-sdk.ts";
import { watchSentRequests, type SentRequests } from "../support/sent-requests.ts";

/** Longer than the 2 s that the client waits where nobody says how long. */
const RETRY_AFTER_SECONDS = 3;
/** Timers may fire a little before their time. */
const EARLY_MS = 50;
const COMPATIBLE = AI_SDK_CLIENTS[0]!;
const OPENAI = AI_SDK_CLIENTS[1]!;
/** The simulator counts a misbehaviour by its model, so each client has one of its own. */
const SHORT_MODELS: Readonly<Record<string, string>> = { compatible: "small", openai: "mid" };

let limiting: ScriptedUpstream;
let gateway: FaultGateway;
let sent: SentRequests;
beforeAll(async () => {
  sent = watchSentRequests();
  const isKnown = new Set<string>();
  limiting = await startScriptedUpstream((body) => {
    const [name = ""] = /limited \w+/.exec(body) ?? [];
    if (isKnown.has(name))
      return { status: 200, headers: JSON_TYPE, writes: [ANSWER], end: "close" };
    isKnown.add(name);
    const headers = { ...JSON_TYPE, "retry-after": String(RETRY_AFTER_SECONDS) };
    return { status: 429, headers, writes: [], end: "close" };
  });
  gateway = await startFaultGateway({
    // So that an answer has a middle to leave in.
    simulator: { decodeMsPerToken: 4, chunkTokens: 1 },
    upstreams: { limiting: { baseUrl: limiting.baseUrl } },
    policies: AI_SDK_CLIENTS.map(({ short }) =>
      policy(`once-${short}`, {
        modes: { short: SHORT_MODELS[short], long: "deep" },
        attemptsMax: 1,
      }),
    ),
    tenants: AI_SDK_CLIENTS.flatMap(({ short }) => [
      { id: short, name: short, policy: `once-${short}` },
      { id: `${short}-thinks`, name: `${short}, thinking`, policy: `once-${short}` },
      {
        id: `${short}-poor`,
        name: `${short}, with a budget of one request`,
        policy: `once-${short}`,
        limits: [{ dimension: "requests", window: "day", limit: 1 }],
      },
    ]),
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await gateway.dispose();
  await limiting.close();
});

describe.each(AI_SDK_CLIENTS)("$client", ({ short, modelOf }) => {
  test("its abort in the middle of a stream ends the upstream and settles once what was seen", async () => {
    const abort = new AbortController();
    const kinds: string[] = [];
    const rows = await gateway.journalOf(async () => {
      const { stream } = streamText({
        model: modelOf(access(short), "auto:short"),
        prompt: `What is 1234 * 5678 + 91011? leaves ${short}`,
        abortSignal: abort.signal,
      });
      for await (const { type } of stream) {
        kinds.push(type);
        if (kinds.filter((kind) => kind === "text-delta").length === 5) abort.abort();
      }
    }, short);

    expect(kinds.at(-1)).toBe("abort");
    expect(kinds).not.toContain("finish");
    expect(upstreamEndings(`leaves ${short}`)).toEqual(["client-left"]);
    expect(endingsIn(rows)).toEqual([
      { op: "settle", ending: "client-left", certainty: "at_least" },
    ]);
  });

  test.each([
    { name: "error-mid-stream", code: "upstream_error" },
    { name: "cut", code: "upstream_cut" },
  ])(
    "$name after some text is an error, never a clean end, and is not asked again",
    async ({ name, code }) => {
      const { stream, finishReason, text } = streamText({
        model: modelOf(access(short), "auto:short"),
        prompt: `What is 12 * 34? [[sim:${name}]] breaks ${short} by ${name}`,
        onError: () => undefined,
      });
      const errors: unknown[] = [];
      for await (const part of stream) if (part.type === "error") errors.push(part.error);

      expect(errors).toMatchObject([{ code }]);
      expect(await finishReason).toBe("error");
      expect(await text).not.toBe("");
      expect(sent.timesOf(`breaks ${short} by ${name}`)).toHaveLength(1);
    },
  );

  test("a bad key is refused after one request", async () => {
    const error = await generateText({
      model: modelOf({ url: gateway.url, secret: "sk-sluice-guess" }, "auto"),
      prompt: `Hello! guesses ${short}`,
    }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(APICallError);
    expect(error).toMatchObject({ statusCode: 401, isRetryable: false });
    expect(sent.timesOf(`guesses ${short}`)).toHaveLength(1);
  });
});

describe.concurrent("asking again", () => {
  test("a stream that breaks in its reasoning is an error at once to @ai-sdk/openai-compatible, which showed it", async () => {
    const settled = await breakWhileThinking(COMPATIBLE);

    expect(settled.map(({ ending }) => ending)).toEqual(["upstream-broke"]);
    expect(sent.timesOf("thinks compatible")).toHaveLength(1);
  });

  // It holds a stream back until the first text, and reasoning is none to it.
  test("a stream that breaks in its reasoning is asked again by @ai-sdk/openai .chat, and charged each time", async () => {
    const settled = await breakWhileThinking(OPENAI);

    expect(settled.map(({ ending }) => ending)).toEqual(["upstream-broke", "upstream-broke"]);
    expect(settled.every(({ usage }) => usage.reasoningTokens > 0)).toBe(true);
    expect(sent.timesOf("thinks openai")).toHaveLength(2);
  });

  test.each(AI_SDK_CLIENTS)(
    "$client waits for as long as an upstream's rate limit says",
    async ({ short, modelOf }) => {
      const { text } = await generateText({
        model: modelOf(access(short), "limiting"),
        prompt: `Hello! limited ${short}`,
      });
      const [first = 0, second = 0, ...more] = sent.timesOf(`limited ${short}`);

      expect(text).toBe("Hello.");
      expect(second - first).toBeGreaterThan(RETRY_AFTER_SECONDS * 1_000 - EARLY_MS);
      expect(more).toEqual([]);
    },
  );

  test.each(AI_SDK_CLIENTS)(
    "$client asks once more after a 429, a 500 and a 503",
    async ({ short, modelOf }) => {
      const names = ["rate-limit", "error-500", "error-503"];
      const answers = await Promise.all(
        names.map((name) =>
          generateText({
            model: modelOf(access(short), "auto:short"),
            prompt: `Hello! fails ${short} [[sim:${name}*1]]`,
          }),
        ),
      );

      expect(answers.every(({ text }) => /\w/.test(text))).toBe(true);
      for (const name of names)
        expect(upstreamEndings(`fails ${short} [[sim:${name}`)).toHaveLength(2);
    },
  );

  test.each(AI_SDK_CLIENTS)(
    "$client asks again for a stream that failed before it said anything",
    async ({ short, modelOf }) => {
      const { text, finishReason } = streamText({
        model: modelOf(access(short), "auto:short"),
        prompt: `Hello! streams ${short} [[sim:error-in-200*1]]`,
      });

      expect(await text).toMatch(/\w/);
      expect(await finishReason).toBe("stop");
      expect(upstreamEndings(`streams ${short}`)).toHaveLength(2);
    },
  );

  // They look at the status alone: x-should-retry is nothing to them, and neither is a retry-after above a minute.
  test.each(AI_SDK_CLIENTS)(
    "$client asks again after an exhausted budget, though told not to, and reaches no upstream",
    async ({ short, modelOf }) => {
      const poor = modelOf(access(`${short}-poor`), "auto:short");
      await generateText({ model: poor, prompt: `Hello! spends ${short}` });
      const error = await generateText({
        model: poor,
        prompt: `Hello! is broke ${short}`,
        maxRetries: 1,
      }).catch((thrown: unknown) => thrown);

      expect(RetryError.isInstance(error) ? error.lastError : error).toMatchObject({
        statusCode: 429,
        isRetryable: true,
        responseHeaders: { "x-should-retry": "false" },
        responseBody: expect.stringContaining("project_spend_limit_exceeded") as string,
      });
      expect(sent.timesOf(`is broke ${short}`)).toHaveLength(2);
      expect(upstreamEndings(`is broke ${short}`)).toEqual([]);
      expect(await gateway.ledgerUsage(`${short}-poor`)).toMatchObject({ openHolds: 0 });
    },
  );
});

test("each call of the above was held once and ended once", async () => {
  for (const { short } of AI_SDK_CLIENTS) {
    await gateway.untilSettled(short);
    expectEachEndedOnce(await gateway.ledgerJournal(short));
  }
});

/** What the ledger settled; the client shows one error, however often it asked. */
async function breakWhileThinking({ short, modelOf }: AiSdkClient): Promise<readonly JournalRow[]> {
  const errors: unknown[] = [];
  const rows = await gateway.journalOf(async () => {
    const { stream } = streamText({
      model: modelOf(access(`${short}-thinks`), "auto:long"),
      prompt: `What is 17 * 24? [[sim:error-mid-stream]] thinks ${short}`,
      maxRetries: 1,
      onError: () => undefined,
    });
    for await (const part of stream) if (part.type === "error") errors.push(part.error);
  }, `${short}-thinks`);
  expect(errors).toHaveLength(1);
  return rows.filter(({ op }) => op === "settle");
}

function access(tenantId: string) {
  return { url: gateway.url, secret: secretOf(tenantId) };
}

function upstreamEndings(text: string): readonly string[] {
  return gateway.simulator.requests
    .filter(({ body }) => body.includes(text))
    .map(({ ended }) => ended);
}

const JSON_TYPE = { "content-type": "application/json" };
const ANSWER = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-limited",
    object: "chat.completion",
    created: 1,
    model: "limiting",
    choices: [
      { index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
  }),
);
