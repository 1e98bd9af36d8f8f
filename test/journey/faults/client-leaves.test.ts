// The client leaves: before headers, at any chunk, in a silence, or by reading no more. The upstream is let go and the
// call settles once, by what was seen, never as nothing. The waits are long but for the heartbeat, so that nothing
// else can have ended the call.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JournalRow } from "../support/journal.ts";
import {
  expectEachEndedOnce,
  only,
  policy,
  SECRET,
  startFaultGateway,
  until,
  type Asked,
  type FaultGateway,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, padded, finish, role, sse, usageChunk } from "./wire-samples.ts";

const PATIENT = { gateMs: 500, heartbeatMs: 200, idleMs: 60_000, deadlineMs: 60_000 };
const CHUNKS = 40;
const CHUNK_PAUSE_MS = 25;

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let script: Script;

beforeAll(async () => {
  scripted = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    policies: [
      only("scripted", { name: "patient", ...PATIENT }),
      policy("patient-failover", { ...PATIENT, modes: { short: "scripted" }, fallback: ["mid"] }),
    ],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

beforeEach(() => gateway.simulator.reset());

describe("after headers", () => {
  test.each([
    { when: "at once", chunks: 0 },
    { when: "after one chunk", chunks: 1 },
    { when: "after half of them", chunks: CHUNKS / 2 },
  ])("$when", async ({ chunks }) => {
    script = slowAnswer();
    const rows = await leave({ after: (text) => countChunks(text) >= chunks });
    expect(rows.at(-1)).toMatchObject({ ending: "client-left", certainty: "at_least" });
    const { outputTokens } = rows.at(-1)?.usage ?? { outputTokens: 0 };
    expect(outputTokens).toBeGreaterThanOrEqual(Math.max(1, chunks));
    expect(outputTokens).toBeLessThan(CHUNKS);
  });

  test("while the upstream is silent in the middle", async () => {
    script = {
      status: 200,
      writes: [sse(role()), sse(chunk(" one")), sse(chunk(" two"))],
      end: "hold",
    };
    const rows = await leave({ after: (text) => countChunks(text) >= 2 });
    expect(rows.at(-1)).toMatchObject({ ending: "client-left", certainty: "at_least" });
  });

  test("while the upstream has said nothing yet", async () => {
    script = { status: 200, writes: [], end: "hold" };
    const rows = await leave({ after: (text) => text.includes(": sluice") });
    expect(rows.at(-1)).toMatchObject({ ending: "client-left", certainty: "unknown" });
  });

  test("with the answer whole and its usage told", async () => {
    const answer = [role(), chunk("one"), finish(), usageChunk(7, 3)];
    script = { status: 200, writes: answer.map(sse), end: "hold" };
    const rows = await leave({
      after: (text) => text.includes('"stop"') && text.includes(": sluice"),
    });
    expect(rows.at(-1)).toMatchObject({
      ending: "client-left",
      certainty: "exact",
      usage: { inputTokens: 7, outputTokens: 3 },
    });
  });

  test("by reading no more, and what it reads later does not end cleanly", async () => {
    // More than the sockets between hold, so that writes wait for the reader.
    const filler = sse(padded(60_000));
    script = {
      status: 200,
      writes: [sse(role()), ...Array<Buffer>(400).fill(filler)],
      end: "hold",
    };
    const endings = scripted.endings.length;
    let response: IncomingMessage | undefined;
    const rows = await gateway.journalOf(async () => {
      response = await openWithoutReading();
    });
    expect(rows.at(-1)).toMatchObject({ ending: "client-left", certainty: "at_least" });
    await until(
      () => scripted.endings[endings],
      (ending) => ending === "client-left",
    );
    if (response === undefined) throw new Error("There was no response.");
    await expect(readToEnd(response)).rejects.toThrow();
  });
});

describe("before headers", () => {
  test("of a stream, the gate's time finds it out", async () => {
    script = { status: 200, writes: [], end: "hold" };
    const rows = await leave({ after: "dispatch" });
    expect(rows.at(-1)).toMatchObject({ ending: "client-left", certainty: "unknown" });
  });

  test("of a stream, no stand-in is asked for somebody who left", async () => {
    script = { status: 200, writes: [700], end: "cut" };
    const rows = await leave({ after: "dispatch", policy: "patient-failover" }, "cut or left");
    expect(rows.filter(({ op }) => op === "hold")).toHaveLength(1);
    expect(gateway.simulator.requests).toHaveLength(0);
  });

  test("of a whole answer, the deadline finds it out at the latest", async () => {
    const before = gateway.simulator.requests.length;
    const leaving = new AbortController();
    const rows = await gateway.journalOf(async () => {
      const asking = gateway
        .ask({
          text: "Hello [[sim:silent]]",
          policy: "alone",
          isStream: false,
          signal: leaving.signal,
        })
        .catch(() => null);
      await until(
        () => gateway.simulator.requests.length,
        (count) => count > before,
      );
      leaving.abort();
      await asking;
    });
    expectEachEndedOnce(rows);
    expect(rows.at(-1)).toMatchObject({ op: "settle", certainty: "unknown" });
    expect(rows.at(-1)?.spent.tokens).toBeGreaterThan(0);
    await until(
      () => gateway.simulator.requests.at(-1)?.ended,
      (ended) => ended === "client-left",
    );
  });

  test("in the middle of its own body, nothing is held", async () => {
    const rows = await gateway.journalOf(async () => {
      const sent = httpRequest(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${SECRET}`,
          "content-type": "application/json",
          "content-length": "1000",
        },
      });
      sent.on("error", () => undefined);
      sent.write('{"model":"auto"');
      await new Promise((resolve) => setTimeout(resolve, 100));
      sent.destroy();
    });
    expect(rows).toEqual([]);
  });
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

/** Leaves when it has read enough, or when the upstream has the request; answers what the ledger wrote. */
async function leave(
  when: { readonly after: ((text: string) => boolean) | "dispatch"; readonly policy?: string },
  upstream: "left" | "cut or left" = "left",
): Promise<readonly JournalRow[]> {
  const index = scripted.endings.length;
  const leaving = new AbortController();
  const asked: Asked = {
    text: "Tell me a story.",
    policy: when.policy ?? "patient",
    isStream: true,
    signal: leaving.signal,
  };
  const rows = await gateway.journalOf(async () => {
    if (when.after === "dispatch") {
      const asking = gateway.ask(asked).catch(() => null);
      await until(
        () => scripted.endings.length,
        (count) => count > index,
      );
      leaving.abort();
      await asking;
      return;
    }
    const response = await gateway.ask(asked);
    const decoder = new TextDecoder();
    let text = "";
    if (when.after(text)) leaving.abort();
    try {
      for await (const bytes of response.body ?? []) {
        text += decoder.decode(bytes, { stream: true });
        if (when.after(text)) leaving.abort();
      }
    } catch (error) {
      // Leaving ends the reading with this side's own abort.
      if (!leaving.signal.aborted) throw error;
    }
  });
  expectEachEndedOnce(rows);
  expect(rows.at(-1)?.op).toBe("settle");
  expect(rows.at(-1)?.spent.tokens).toBeGreaterThan(0);
  await until(
    () => scripted.endings[index],
    (ending) => ending === "client-left" || (upstream === "cut or left" && ending === "cut"),
  );
  return rows;
}

function slowAnswer(): Script {
  const chunks = Array.from({ length: CHUNKS }, (_, at) => [sse(chunk(` ${at}`)), CHUNK_PAUSE_MS]);
  return { status: 200, writes: [sse(role()), ...chunks.flat()], end: "hold" };
}

function countChunks(text: string): number {
  return text.split('"content":" ').length - 1;
}

function openWithoutReading(): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      `${gateway.url}/v1/chat/completions`,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${SECRET}`,
          "content-type": "application/json",
          "x-sluice-policy": "patient",
        },
      },
      (response) => {
        response.pause();
        resolve(response);
      },
    );
    sent.on("error", reject);
    sent.end(
      JSON.stringify({
        model: "auto:short",
        stream: true,
        messages: [{ role: "user", content: "Tell me a long story." }],
      }),
    );
  });
}

async function readToEnd(response: IncomingMessage): Promise<void> {
  for await (const bytes of response as AsyncIterable<Buffer>) void bytes;
}
