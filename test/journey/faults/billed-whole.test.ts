// An upstream that writes on when its client has left, and bills what it writes: it is heard out for its count, and where none
// comes the whole cap that was held is charged. Leaving is no way to pay for less than staying.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { policy, startFaultGateway, until, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse, usageChunk } from "./wire-samples.ts";

const CAP = 3_000;
const PATIENT = { gateMs: 500, heartbeatMs: 200, idleMs: 20_000, deadlineMs: 20_000 };

let gateway: FaultGateway;
let upstream: ScriptedUpstream;
let script: Script;
beforeAll(async () => {
  upstream = await startScriptedUpstream(() => script);
  const { baseUrl } = upstream;
  gateway = await startFaultGateway({
    upstreams: { billing: { baseUrl, billsCancelled: true }, stopping: { baseUrl } },
    policies: ["billing", "stopping"].map((name) =>
      policy(name, { modes: { short: name }, attemptsMax: 1, ...PATIENT }),
    ),
  });
});
afterAll(async () => {
  await gateway.dispose();
  await upstream.close();
});

const FIRST = [role(), chunk("one"), chunk(" two")].map(sse);
const REST = [...Array.from({ length: 500 }, () => chunk(" more")), finish()].map(sse);

/** Leaves after the second word; how the ledger settled it. */
async function leave(name: string, isStream = true) {
  const rows = await gateway.journalOf(async () => {
    const leaving = new AbortController();
    const before = upstream.endings.length;
    const asking = gateway.ask({
      text: "Say something.",
      policy: name,
      isStream,
      signal: leaving.signal,
      fields: { max_completion_tokens: CAP },
    });
    if (isStream) {
      const reader = (await asking).body?.getReader();
      let text = "";
      await until(
        async () => (text += new TextDecoder().decode((await reader?.read())?.value)),
        () => text.includes("two"),
      );
    } else {
      await until(
        () => upstream.endings.length,
        (count) => count > before,
      );
    }
    leaving.abort();
    await asking.catch(() => undefined);
  });
  return rows.at(-1);
}

describe("whoever leaves an upstream that bills all the same", () => {
  test("is charged what it comes to in the end", async () => {
    script = {
      status: 200,
      writes: [...FIRST, 1_000, ...REST, sse(usageChunk(20, 700)), sse(done())],
      end: "close",
    };
    expect(await leave("billing")).toMatchObject({
      ending: "client-left",
      certainty: "exact",
      usage: { inputTokens: 20, outputTokens: 700 },
    });
    expect(upstream.endings.at(-1)).toBe("complete");
  });

  test("is charged so for an answer that does not stream, too", async () => {
    const choices = [
      { index: 0, message: { role: "assistant", content: "It is." }, finish_reason: "stop" },
    ];
    const usage = { prompt_tokens: 20, completion_tokens: 600 };
    const body = JSON.stringify({
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices,
      usage,
    });
    script = {
      status: 200,
      headers: { "content-type": "application/json" },
      writes: [1_500, Buffer.from(body)],
      end: "close",
    };
    expect(await leave("billing", false)).toMatchObject({
      certainty: "exact",
      usage: { inputTokens: 20, outputTokens: 600 },
    });
  });

  test("is charged all that was held where its connection breaks meanwhile", async () => {
    script = { status: 200, writes: [...FIRST, 1_000], end: "cut" };
    expect(await leave("billing")).toMatchObject({
      ending: "client-left",
      certainty: "at_least",
      usage: { outputTokens: CAP },
    });
  });
});

test("whoever leaves any other is charged what was seen, and it is stopped", async () => {
  script = {
    status: 200,
    writes: [...FIRST, 1_000, ...REST, sse(usageChunk(20, 700)), sse(done())],
    end: "close",
  };
  const settled = await leave("stopping");
  expect(settled).toMatchObject({ ending: "client-left", certainty: "at_least" });
  expect(settled?.usage.outputTokens).toBeLessThan(250);
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());
