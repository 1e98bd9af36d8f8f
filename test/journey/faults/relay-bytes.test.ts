// The client's bytes are sacred: what an upstream streams arrives byte for byte, however it is framed and cut, but for
// the usage chunk that the gateway asked for on its own behalf.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { only, startFaultGateway, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, padded, role, sse, usageChunk } from "./wire-samples.ts";

const ASKS_USAGE = { stream_options: { include_usage: true } };
const WIDE = "Voilà ✓ 数学 😀 \u2028 end";

/** Bytes around the usage event: all but the middle reach a client that did not ask for it. */
type Parts = readonly [before: string, usage: string, after: string];

const USAGE = usageChunk(11, 5);
const LF: Parts = [
  [role(), chunk(WIDE), finish()].map((data) => `data: ${data}\n\n`).join(""),
  `data: ${USAGE}\n\n`,
  "data: [DONE]\n\n",
];

function reframed(change: (text: string) => string): Parts {
  const [before, usage, after] = LF;
  return [change(before), change(usage), change(after)];
}

const FRAMINGS: readonly { readonly framing: string; readonly parts: Parts }[] = [
  { framing: "LF", parts: LF },
  { framing: "CR LF", parts: reframed((text) => text.replaceAll("\n", "\r\n")) },
  { framing: "CR", parts: reframed((text) => text.replaceAll("\n", "\r")) },
  {
    framing: "no space behind the colon",
    parts: reframed((text) => text.replaceAll("data: ", "data:")),
  },
  {
    framing: "comments between events",
    parts: [LF[0].replaceAll("\n\n", "\n\n: still here\n\n"), LF[1], LF[2]],
  },
  {
    framing: "comments inside events",
    parts: reframed((text) => text.replaceAll("data:", ": still here\ndata:")),
  },
  {
    framing: "event, id and retry lines",
    parts: reframed((text) => text.replaceAll("data:", "event: message\nid: 7\nretry: 10\ndata:")),
  },
  {
    framing: "one JSON over several data lines",
    parts: reframed((text) => text.replaceAll('{"id"', '{\ndata: "id"')),
  },
  { framing: "a byte-order mark", parts: [`\uFEFF${LF[0]}`, LF[1], LF[2]] },
  { framing: "spare blank lines", parts: [LF[0].replaceAll("\n\n", "\n\n\n\n"), LF[1], LF[2]] },
  {
    framing: "unknown fields, odd numbers, escapes and white space",
    parts: [
      `data:  { "choices" : [ {"delta":{"content":"\\u0041\\ud83d","new_field":[1.0,1e2,12345678901234567890]} , "index":0,"finish_reason":null } ], "x":{}}\n\n${LF[0]}`,
      LF[1],
      LF[2],
    ],
  },
  {
    framing: "an event of 300,000 bytes",
    parts: [`data: ${padded(300_000)}\n\n${LF[0]}`, LF[1], LF[2]],
  },
];

const CUTS: readonly {
  readonly cut: string;
  readonly writes: (bytes: Buffer) => Script["writes"];
}[] = [
  { cut: "in one write", writes: (bytes) => [bytes] },
  { cut: "byte by byte", writes: (bytes) => splitEvery(bytes, bytes.length > 10_000 ? 4_999 : 1) },
  {
    cut: "in writes of 7 bytes with pauses",
    writes: (bytes) => withPauses(splitEvery(bytes, bytes.length > 10_000 ? 70_001 : 7)),
  },
];

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let script: Script;

beforeAll(async () => {
  scripted = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    // Long enough that a slow machine puts no comment of ours in between.
    policies: [
      only("scripted", { gateMs: 20_000, heartbeatMs: 20_000, idleMs: 20_000, deadlineMs: 60_000 }),
    ],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

beforeEach(() => gateway.simulator.reset());

describe.each(FRAMINGS)("$framing", ({ parts }) => {
  test.each(CUTS)("$cut", async ({ writes }) => {
    const [before, , after] = parts;
    script = { status: 200, writes: writes(Buffer.from(parts.join(""))), end: "close" };
    const rows = await gateway.journalOf(async () => {
      const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
      expect(seen.text).toBe(before + after);
      expect(seen.bytes.equals(Buffer.from(before + after))).toBe(true);
    });
    expect(rows.at(-1)).toMatchObject({
      ending: "complete",
      certainty: "exact",
      usage: { inputTokens: 11, outputTokens: 5 },
    });
  });

  test("with the usage chunk for who asked for it", async () => {
    script = { status: 200, writes: [Buffer.from(parts.join(""))], end: "close" };
    const seen = await gateway.see({
      text: "Hello",
      policy: "only-scripted",
      isStream: true,
      fields: ASKS_USAGE,
    });
    expect(seen.bytes.equals(Buffer.from(parts.join("")))).toBe(true);
  });
});

test("bytes that are no UTF-8 pass as they are", async () => {
  const odd = Buffer.concat([
    Buffer.from(": caf"),
    Buffer.from([0xe9, 0xff]),
    Buffer.from("\n\n"),
    ...[role(), chunk("one"), finish(), done()].map(sse),
  ]);
  script = { status: 200, writes: [odd], end: "close" };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(seen.bytes.equals(odd)).toBe(true);
});

test("what comes behind the last event is not the answer's", async () => {
  const answer = Buffer.concat([role(), chunk("one"), finish(), done()].map(sse));
  script = { status: 200, writes: [answer, sse(chunk("more"))], end: "close" };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(seen.bytes.equals(answer)).toBe(true);
});

describe.each([
  { form: "streamed", isStream: true },
  { form: "whole", isStream: false },
])("the simulated engine's own bytes, $form", ({ isStream }) => {
  test.each(["crlf", "comments", "one-byte", "split-utf8", "crlf,one-byte,split-utf8", "no-done"])(
    "under %s",
    async (order) => {
      const seen = await gateway.see({
        text: `What is 12 + 30 * 2 - 7? [[sim:${order}]]`,
        policy: "alone",
        isStream,
      });
      const sent = gateway.simulator.requests.at(-1)?.body ?? "";
      const direct = await fetch(`${gateway.simulator.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: sent,
      });
      expect(timeless(seen.text)).toBe(timeless(withoutUsage(await direct.text(), isStream)));
    },
  );
});

/** The same answer a second later differs in its date, and in what the cache held. */
function timeless(text: string): string {
  return text.replaceAll(/"created":\d+/g, '"created":0').replace(/"cached_tokens":\d+/, "");
}

function withoutUsage(text: string, isStream: boolean): string {
  return isStream
    ? text.replace(/data: \{[^\r\n]*"choices":\[\],"usage"[^\r\n]*(?:\r\n\r\n|\n\n)/, "")
    : text;
}

function splitEvery(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}

function withPauses(writes: readonly Buffer[]): (Buffer | number)[] {
  // A pause every so often keeps the kernel from joining what stands apart, and the test short.
  return writes.flatMap((bytes, at) => (at % 16 === 0 ? [1, bytes] : [bytes]));
}
