// A stream and its budget: what is held grows with the answer, and an answer that the budget cannot hold any more ends as
// its own bound would have ended it, with the reason beside it.
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isEnd } from "../support/journal.ts";
import { standsAt } from "../support/gateway-under-test.ts";
import {
  expectEachEndedOnce,
  policy,
  secretOf,
  startFaultGateway,
  until,
  type FaultGateway,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const PATIENT = { gateMs: 5_000, heartbeatMs: 1_000, idleMs: 20_000, deadlineMs: 20_000 };
const TENANTS = {
  roomy: [{ dimension: "tokens", window: "day", limit: 1_000_000 }],
  tight: [{ dimension: "tokens", window: "day", limit: 3_000 }],
};
/** Longer than a slice and less than all that is left. */
const ANSWER_TOKENS = 900;
/** Until somebody else has taken what is left. */
const PAUSE_MS = 1_000;

const WORDS = Array.from({ length: ANSWER_TOKENS }, (_, at) => sse(chunk(` w${at}`)));
const WHOLE: Script = {
  status: 200,
  writes: [sse(role()), ...WORDS, ...[finish(), usageChunk(20, ANSWER_TOKENS), done()].map(sse)],
  end: "close",
};
const ENDLESS: Script = {
  status: 200,
  writes: [sse(role()), sse(chunk("First.")), PAUSE_MS, ...WORDS],
  end: "hold",
};

/** A whole answer is silent, and keeps what it holds until it comes. */
const SLOW: Script = wholeAnswer("Taken.", 3, 2 * PAUSE_MS);

let gateway: FaultGateway;
let upstream: ScriptedUpstream;
let script: Script;
beforeAll(async () => {
  upstream = await startScriptedUpstream((body) => (body.includes("Take it all") ? SLOW : script));
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: upstream.baseUrl } },
    policies: [policy("patient", { modes: { short: "scripted" }, attemptsMax: 1, ...PATIENT })],
    tenants: Object.entries(TENANTS).map(([id, limits]) => ({
      id,
      name: id,
      policy: "patient",
      limits,
    })),
  });
});
beforeEach(() => {
  script = WHOLE;
});
afterAll(async () => {
  await gateway.dispose();
  await upstream.close();
});

interface Chunk {
  readonly choices: readonly { readonly finish_reason: string | null }[];
  readonly usage?: object | null;
  readonly sluice?: object;
}

function clientOf(tenant: keyof typeof TENANTS): OpenAI {
  return new OpenAI({
    baseURL: `${gateway.url}/v1`,
    apiKey: secretOf(tenant),
    maxRetries: 0,
  });
}

const asked = (text: string, fields: object = {}) => ({
  model: "auto:short",
  messages: [{ role: "user" as const, content: text }],
  ...fields,
});

test("an answer longer than its slice holds more on its way, and is charged exactly, with nothing over", async () => {
  let text = "";
  const rows = await gateway.journalOf(async () => {
    const stream = await clientOf("roomy").chat.completions.create({
      ...asked("Tell me a story."),
      stream: true,
    });
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  }, "roomy");

  expect(text).toBe(WORDS.map((_, at) => ` w${at}`).join(""));
  expectEachEndedOnce(rows);
  const [held] = rows;
  const grown = rows.filter(({ op }) => op === "extend").map((row) => row.heldOutputTokens);
  expect(held?.heldOutputTokens).toBeLessThan(ANSWER_TOKENS);
  expect(grown).toEqual(grown.toSorted((a, b) => a - b));
  expect(grown.at(-1)).toBeGreaterThanOrEqual(ANSWER_TOKENS);
  expect(rows.at(-1)).toMatchObject({
    op: "settle",
    certainty: "exact",
    ending: "complete",
    over: { tokens: 0 },
    usage: { outputTokens: ANSWER_TOKENS },
  });
});

test("an answer that comes whole although a stream was asked for is covered before it is charged", async () => {
  script = wholeAnswer("word ".repeat(ANSWER_TOKENS), ANSWER_TOKENS);
  const rows = await gateway.journalOf(async () => {
    const stream = await clientOf("roomy").chat.completions.create({
      ...asked("Tell me a story."),
      stream: true,
    });
    for await (const _ of stream);
  }, "roomy");
  expect(rows.at(-1)).toMatchObject({ op: "settle", certainty: "exact", over: { tokens: 0 } });
});

test("a whole answer holds its whole cap from the start", async () => {
  script = wholeAnswer("A story.", 9);
  const rows = await gateway.journalOf(async () => {
    await clientOf("roomy").chat.completions.create(asked("Hi.", { max_completion_tokens: 3000 }));
  }, "roomy");
  expect(rows.map(({ op }) => op)).toEqual(["hold", "settle"]);
  expect(rows[0]?.heldOutputTokens).toBe(3000);
});

describe("a budget that others have taken meanwhile", () => {
  /** Streams, has the rest of the budget taken once the first words have come, and reads to the end. */
  async function streamBeside<T>(read: (stream: Response) => Promise<T>, fields: object = {}) {
    script = ENDLESS;
    let result: T | undefined;
    const rows = await gateway.journalOf(async () => {
      const response = await gateway.ask({
        text: "Tell me a story.",
        policy: "patient",
        isStream: true,
        secret: secretOf("tight"),
        headers: { "x-sluice-explain": "1" },
        fields: { stream_options: { include_usage: true }, ...fields },
      });
      const taking = clientOf("tight").chat.completions.create(
        asked("Take it all.", { max_tokens: 5_000 }),
      );
      result = await read(response);
      await taking;
    }, "tight");
    if (result === undefined) throw new Error("Nothing was read.");
    return { result, rows };
  }

  test("ends the answer cleanly for the SDK, with `length`, usage, the reason and `[DONE]`", async () => {
    const endings = upstream.endings.length;
    const { result, rows } = await streamBeside(async (response) => {
      const seen = await response.text();
      const sdk = new OpenAI({
        apiKey: "any",
        fetch: async () => new Response(seen, { headers: response.headers }),
      });
      const runner = sdk.chat.completions.stream(asked("any"));
      return { seen, completion: await runner.finalChatCompletion() };
    });
    const { seen, completion } = result;
    const [choice] = completion.choices;
    expect(choice?.finish_reason).toBe("length");
    expect(choice?.message.content).toMatch(/^First\. w0 w1/);
    expect(completion.usage?.completion_tokens).toBeGreaterThan(200);
    expect(completion.usage?.completion_tokens).toBeLessThan(ANSWER_TOKENS);
    expect(seen).toContain(": sluice ended=budget; scope=tenant; dimension=tokens; window=day\n");
    expect(seen.endsWith("data: [DONE]\n\n")).toBe(true);

    expectEachEndedOnce(rows);
    const ended = rows.find(({ ending }) => ending === "budget");
    expect(ended).toMatchObject({ op: "settle", certainty: "at_least" });
    await until(
      () => upstream.endings[endings],
      (ending) => ending === "client-left",
    );
    const record = gateway.logged.find((line) => line.includes('"budgetEnd":"tenant tokens day"'));
    expect(record).toContain('"ending":"budget"');
    const standing = await gateway.untilSettled("tight");
    const of = (what: "spent" | "held" | "over") => standsAt(standing, "tokens", "day", what);
    expect(of("spent") + of("held") - of("over")).toBeLessThanOrEqual(3_000);
  });

  test("is explained to who asked, counted to nobody who did not, and ends every answer", async () => {
    const { result } = await streamBeside((response) => response.text(), {
      stream_options: { include_usage: false },
    });
    const events = result.split("\n\n").filter((event) => event.startsWith("data: {"));
    const chunks = events.map((event) => JSON.parse(event.slice("data: ".length)) as Chunk);
    expect(chunks.filter(({ usage }) => usage != null)).toEqual([]);
    const finishes = chunks.flatMap(({ choices }) => choices).filter((of) => of.finish_reason);
    expect(finishes.map((of) => of.finish_reason)).toEqual(["length"]);
    expect(chunks.at(-1)?.sluice).toMatchObject({
      ended: "budget",
      budget: { ended_by: { scope: "tenant", dimension: "tokens", window: "day" } },
      calls: [{ ending: "budget", certainty: "at_least" }],
    });
  });
});

test("every call ended once, and the gateway is healthy", async () => {
  const journal = await gateway.ledgerJournal("tight");
  expectEachEndedOnce(journal);
  expect(journal.filter(isEnd).length).toBeGreaterThan(3);
  await gateway.expectHealthy();
});

function wholeAnswer(content: string, tokens: number, afterMs = 0): Script {
  const choices = [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }];
  const usage = { prompt_tokens: 20, completion_tokens: tokens };
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    writes: [afterMs, Buffer.from(JSON.stringify({ choices, usage }))],
    end: "close",
  };
}
