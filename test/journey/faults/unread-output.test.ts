// Output that is written into fields which nobody here reads, or counted by its engine as no count can be: it is charged all
// the same, held as it grows, and stopped where the budget ends.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policy, startFaultGateway, until, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, delta, done, finish, role, sse, usageChunk, usageOf } from "./wire-samples.ts";

const WORDS = 800;
const PATIENT = { gateMs: 300, heartbeatMs: 1_000, idleMs: 20_000, deadlineMs: 30_000 };

let gateway: FaultGateway;
let upstream: ScriptedUpstream;
let script: Script;
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: upstream.baseUrl } },
    policies: [policy("patient", { modes: { short: "scripted" }, attemptsMax: 1, ...PATIENT })],
  });
});
afterAll(async () => {
  await gateway.dispose();
  await upstream.close();
});

const FIELDS = [
  { field: "function_call", of: (text: string) => ({ function_call: { arguments: text } }) },
  {
    field: "content in parts",
    of: (text: string) => ({ content: [{ type: "thinking", thinking: [{ type: "text", text }] }] }),
  },
  { field: "a field of a later day", of: (text: string) => ({ of_a_later_day: text }) },
];

function streamOf(
  of: (text: string) => object,
  rest: Script["writes"],
  end: Script["end"],
): Script {
  const said = [role(), ...Array.from({ length: WORDS }, () => delta(of(" word")))];
  return { status: 200, writes: [...said.map(sse), ...rest], end };
}

const asked = {
  text: "Say something.",
  policy: "patient",
  fields: { max_completion_tokens: 8_000 },
};

describe.each(FIELDS)("$field", ({ of }) => {
  test("is charged to who leaves before the end", async () => {
    script = streamOf(of, [sse(delta(of("LAST")))], "hold");
    const [settled] = (
      await gateway.journalOf(async () => {
        const leaving = new AbortController();
        const response = await gateway.ask({ ...asked, isStream: true, signal: leaving.signal });
        await readUntil(response, "LAST");
        leaving.abort();
      })
    ).slice(-1);
    expect(settled).toMatchObject({ op: "settle", ending: "client-left", certainty: "at_least" });
    expect(settled?.usage.outputTokens).toBeGreaterThanOrEqual(WORDS);
  });

  test("grows its hold, and is stopped far past its bound", async () => {
    script = streamOf(of, [finish(), done()].map(sse), "close");
    const rows = await gateway.journalOf(() => gateway.see({ ...asked, isStream: true }));
    expect(rows.map(({ op }) => op)).toContain("extend");
    expect(rows.at(-1)).toMatchObject({ op: "settle", ending: "complete" });
    const bounded = { ...asked, fields: { max_completion_tokens: 100 } };
    const cut = await gateway.journalOf(() => gateway.see({ ...bounded, isStream: true }));
    expect(cut.at(-1)).toMatchObject({ op: "settle", ending: "cut-off" });
  });

  test("of a whole answer without a count is charged by its length", async () => {
    const text = " word".repeat(WORDS);
    const message = { role: "assistant", content: null, ...of(text) };
    script = {
      status: 200,
      headers: { "content-type": "application/json" },
      writes: [
        Buffer.from(
          JSON.stringify({
            id: "c",
            object: "chat.completion",
            created: 1,
            model: "s",
            choices: [{ index: 0, message, finish_reason: "stop" }],
          }),
        ),
      ],
      end: "close",
    };
    const rows = await gateway.journalOf(async () => {
      const seen = await gateway.see({ ...asked, isStream: false });
      expect(seen.text).toContain(text);
    });
    expect(rows.at(-1)).toMatchObject({ ending: "complete", certainty: "at_least" });
    expect(rows.at(-1)?.usage.outputTokens).toBeGreaterThanOrEqual(text.length / 4);
  });
});

describe("a count that cannot be", () => {
  test.each([
    { count: "below nothing", usage: { completion_tokens: -1 }, besides: 0 },
    { count: "of a part of a token", usage: { completion_tokens: 800.5 }, besides: 0 },
    { count: "of more than any model writes", usage: { completion_tokens: 1e12 }, besides: 0 },
    {
      count: "with more thinking than output",
      usage: { completion_tokens: 10, completion_tokens_details: { reasoning_tokens: 1_500 } },
      besides: 1_500,
    },
    {
      count: "with more cached than read",
      usage: { completion_tokens: 10, prompt_tokens_details: { cached_tokens: 50 } },
      besides: 0,
    },
  ])("$count is no better than none: what was seen is charged", async ({ usage, besides }) => {
    const words = Array.from({ length: WORDS }, () => chunk(" word"));
    const counted = usageOf({ prompt_tokens: 20, ...usage });
    script = {
      status: 200,
      writes: [role(), ...words, finish(), counted, done()].map(sse),
      end: "close",
    };
    const rows = await gateway.journalOf(() => gateway.see({ ...asked, isStream: true }));
    expect(rows.at(-1)).toMatchObject({
      op: "settle",
      ending: "complete",
      certainty: "at_least",
      anomaly: null,
    });
    expect(rows.at(-1)?.usage.outputTokens).toBe(Math.ceil((WORDS * " word".length) / 4) + besides);
    expect(gateway.logged.some((line) => line.includes('"event":"usage-unsound"'))).toBe(true);
  });
});

test("silence before a whole stream without a count is charged as thinking, and with one as it says", async () => {
  const settle = async (silentMs: number, counted: readonly string[]) => {
    script = {
      status: 200,
      writes: [sse(role()), silentMs, ...[chunk("42"), finish(), ...counted, done()].map(sse)],
      end: "close",
    };
    const rows = await gateway.journalOf(() => gateway.see({ ...asked, isStream: true }));
    return rows.at(-1);
  };
  const guessed = await settle(2_500, []);
  expect(guessed).toMatchObject({ ending: "complete", certainty: "at_least" });
  // A second and a half beyond an engine's own pause, at a hundred a second.
  expect(guessed?.usage.outputTokens).toBeGreaterThan(100);
  expect((await settle(1_200, [usageChunk(20, 7)]))?.usage.outputTokens).toBe(7);
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

async function readUntil(response: Response, word: string): Promise<void> {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = "";
  await until(
    async () => {
      const read = await reader?.read();
      text += decoder.decode(read?.value, { stream: true });
      return text.includes(word);
    },
    (isRead) => isRead,
  );
}
