// Fuzzed upstreams and fuzzed bodies through the real gateway: never a crash, never a hang, never a clean end after a
// break, and each call settles once. SLUICE_FUZZ_RUNS and SLUICE_FUZZ_SEED make a longer or another search of it.
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnd } from "../support/journal.ts";
import {
  badLines,
  expectEachEndedOnce,
  only,
  policy,
  readWhole,
  SECRET,
  startFaultGateway,
  type FaultGateway,
  type Seen,
} from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, usageChunk } from "./wire-samples.ts";

const RUNS = Number(process.env["SLUICE_FUZZ_RUNS"] ?? 200);
const SEED = Number(process.env["SLUICE_FUZZ_SEED"] ?? 20_261_125);
const AT_ONCE = 6;
/** Far above every wait of the policy below; what takes longer hangs. */
const HANG_MS = 20_000;
const WAITS = { gateMs: 150, heartbeatMs: 100, idleMs: 250, deadlineMs: 1_000 };
/** A case may wait for the deadline. */
const TIMEOUT_MS = 60_000 + RUNS * 500;

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let scripts: readonly Script[] = [];

beforeAll(async () => {
  scripted = await startScriptedUpstream((body) => {
    const script = scripts[Number(/case (\d+)/.exec(body)?.[1])];
    if (script === undefined) throw new Error("The request names no case.");
    return script;
  });
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    policies: [only("scripted", WAITS), policy("fuzzed", WAITS)],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

test(`${RUNS} fuzzed upstreams, seed ${SEED}`, { timeout: TIMEOUT_MS }, async () => {
  const cases = fc.sample(fuzzedCase(), { numRuns: RUNS, seed: SEED });
  scripts = cases.map(({ script }) => script);
  const rows = await gateway.journalOf(() =>
    eachOf(cases, async ({ script, isStream }, index) => {
      const seen = await see(`case ${index}`, isStream);
      const faults = [...faultsOf(seen, isStream), ...alterations(script, seen)];
      if (faults.length > 0)
        throw new Error(`Seed ${SEED}, case ${index}: ${faults.join("; ")}\n${show(script, seen)}`);
    }),
  );
  expectEachEndedOnce(rows);
  expect(rows.filter(({ op }) => op === "hold")).toHaveLength(RUNS);
  for (const row of rows.filter(isEnd)) {
    // Nothing is free after dispatch but what the upstream itself refused, by a status or by an error of its own.
    if (row.spent.tokens === 0)
      expect(row.ending ?? row.op).toMatch(/^upstream-(?:refused|broke)$/);
    if (row.ending === "complete" && row.anomaly === null)
      expect(row.certainty).not.toBe("unknown");
  }
  await gateway.expectHealthy();
});

test(`${RUNS} fuzzed bodies, seed ${SEED}`, { timeout: TIMEOUT_MS }, async () => {
  const bodies = fc.sample(fuzzedBody(), { numRuns: RUNS, seed: SEED });
  const statuses = new Map<number, number>();
  const rows = await gateway.journalOf(() =>
    eachOf(bodies, async (body, index) => {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${SECRET}`, "x-sluice-policy": "fuzzed" },
        body,
        signal: AbortSignal.timeout(HANG_MS),
      });
      const { status, text } = await readWhole(response);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 500)
        throw new Error(`Seed ${SEED}, body ${index}: ${text}\n${body.toString()}`);
      if (status >= 400)
        expect(JSON.parse(text)).toMatchObject({ error: { type: expect.any(String) } });
    }),
  );
  expectEachEndedOnce(rows);
  // Both sides of the door were tried.
  expect(statuses.get(200)).toBeGreaterThan(0);
  expect(statuses.get(400)).toBeGreaterThan(0);
  expect(badLines(gateway.logged)).toEqual([]);
});

interface FuzzedCase {
  readonly script: Script;
  readonly isStream: boolean;
}

/** What must hold of any answer, whatever the upstream did. */
function faultsOf(seen: Seen, isStream: boolean): string[] {
  const faults: string[] = [];
  if (seen.isCut) faults.push("the connection broke");
  if (seen.status === 500) faults.push("an internal error");
  if (seen.status !== 200) {
    if (!seen.text.startsWith('{"error":{"message":'))
      faults.push("a status without an error's body");
    return faults;
  }
  if (!isStream) return faults;
  const text = seen.text;
  const isBroken = /(?:^|\n\n|\r\n|\r\r|\n\r)data: \{"error":\{"message":[^\n]*\}\}\n\n$/.test(
    text,
  );
  const isDone = /^data:[ ]?\[DONE\]/m.test(text.replaceAll("\r", "\n"));
  if (isBroken && isDone) faults.push("a clean end beside an error");
  if (!isBroken && !isDone && !text.includes('"finish_reason":"'))
    faults.push("a clean end of a part");
  return faults;
}

/** Bytes of a relayed stream are the upstream's, in its order, but for our comments and the error that ends it. */
function alterations(script: Script, seen: Seen): string[] {
  const isRelayed = script.headers?.["content-type"]?.includes("event-stream") ?? true;
  if (seen.status !== 200 || !isRelayed) return [];
  const sent = Buffer.concat(script.writes.filter((part) => typeof part !== "number")).toString(
    "latin1",
  );
  const relayed = seen.bytes
    .toString("latin1")
    .replaceAll(": sluice\n\n", "")
    .replace(/\n\n(?=data: \{"error":\{"message":[^\n]*\}\}\n\n$)/, "")
    .replace(/data: \{"error":\{"message":[^\n]*\}\}\n\n$/, "");
  let at = 0;
  for (const byte of relayed) {
    at = sent.indexOf(byte, at) + 1;
    if (at === 0) return ["bytes that the upstream did not send"];
  }
  return [];
}

function see(text: string, isStream: boolean): Promise<Seen> {
  const hang = AbortSignal.timeout(HANG_MS);
  return gateway.see({ text, policy: "only-scripted", isStream, signal: hang });
}

function show(script: Script, seen: Seen): string {
  const writes = script.writes.map((part) =>
    typeof part === "number" ? part : Buffer.from(part).toString(),
  );
  return JSON.stringify(
    { ...script, writes, status: script.status, seen: seen.status, text: seen.text },
    null,
    1,
  );
}

function fuzzedCase(): fc.Arbitrary<FuzzedCase> {
  return fc.record({
    isStream: fc.boolean(),
    script: fc.oneof(
      { weight: 6, arbitrary: streamScript() },
      { weight: 2, arbitrary: wholeScript() },
      { weight: 1, arbitrary: rudeScript() },
    ),
  });
}

/** Mostly sound events in unsound orders, framings, cuts and ends. */
function streamScript(): fc.Arbitrary<Script> {
  return fc
    .record({
      events: fc.array(event(), { maxLength: 12 }),
      end: fc.constantFrom("close", "close", "close", "cut", "hold"),
      cuts: fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 12 }),
      pauses: fc.array(fc.constantFrom(0, 0, 0, 0, 5, 60, 180, 300), { maxLength: 12 }),
      contentType: fc.constantFrom(
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "application/json",
        "text/plain",
      ),
    })
    .map(({ events, end, cuts, pauses, contentType }): Script => ({
      status: 200,
      headers: { "content-type": contentType },
      writes: cutUp(Buffer.concat(events), cuts, pauses),
      end: end as Script["end"],
    }));
}

function event(): fc.Arbitrary<Buffer> {
  const data = fc.oneof(
    fc.constant(role()),
    fc.string({ maxLength: 20, unit: "binary" }).map(chunk),
    fc.constant(chunk("plain")),
    fc.constant(finish()),
    fc.tuple(count(), count()).map(([input, output]) => usageChunk(input, output)),
    fc.constant(done()),
    fc.constant(
      JSON.stringify({ error: { message: "It broke.", type: "server_error", code: 500 } }),
    ),
    oddChunk(),
    fc.json({ maxDepth: 3 }),
    fc.string({ maxLength: 30 }),
  );
  const framed = fc
    .tuple(
      data,
      fc.constantFrom("data: ", "data:", "event: message\ndata: ", ": note\ndata: ", "id"),
      fc.constantFrom("\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n", "\n\n\n"),
    )
    .map(([text, before, after]) => Buffer.from(before + text.replaceAll("\n", " ") + after));
  return fc.oneof(
    { weight: 10, arbitrary: framed },
    { weight: 1, arbitrary: fc.constant(Buffer.from(": still here\n\n")) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
  );
}

/** A chunk whose fields have types that nobody promised. */
function oddChunk(): fc.Arbitrary<string> {
  const odd = fc.oneof(
    fc.constant(null),
    fc.integer(),
    fc.string({ maxLength: 5 }),
    fc.boolean(),
    fc.constant([]),
    fc.constant({}),
  );
  return fc
    .record(
      {
        choices: fc.oneof(
          odd,
          fc.array(
            fc.oneof(
              odd,
              fc.record({
                index: odd,
                delta: fc.oneof(
                  odd,
                  fc.record({
                    content: odd,
                    reasoning: odd,
                    tool_calls: fc.oneof(
                      odd,
                      fc.array(fc.oneof(odd, fc.record({ index: odd, function: odd })), {
                        maxLength: 2,
                      }),
                    ),
                  }),
                ),
                message: odd,
                finish_reason: odd,
              }),
            ),
            { maxLength: 3 },
          ),
        ),
        usage: fc.oneof(
          odd,
          fc.record({
            prompt_tokens: fc.oneof(odd, count()),
            completion_tokens: fc.oneof(odd, count()),
            prompt_tokens_details: odd,
            completion_tokens_details: fc.oneof(odd, fc.record({ reasoning_tokens: count() })),
          }),
        ),
        error: fc.oneof(fc.constant(null), odd),
        object: odd,
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value));
}

function count(): fc.Arbitrary<number> {
  return fc.oneof(
    fc.nat({ max: 100 }),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.constantFrom(0, -1, 1e15, 1e300, 0.5),
  );
}

function wholeScript(): fc.Arbitrary<Script> {
  const message = {
    index: 0,
    message: { role: "assistant", content: "one" },
    finish_reason: "stop",
  };
  const sound = fc.tuple(count(), count()).map(([input, output]) =>
    JSON.stringify({
      id: "1",
      object: "chat.completion",
      choices: [message],
      usage: { prompt_tokens: input, completion_tokens: output },
    }),
  );
  return fc
    .record({
      body: fc.oneof(sound, oddChunk(), fc.json({ maxDepth: 4 }), fc.string({ maxLength: 50 })),
      status: fc.constantFrom(
        200,
        200,
        200,
        201,
        204,
        302,
        400,
        401,
        404,
        408,
        413,
        418,
        422,
        429,
        500,
        502,
        503,
        529,
      ),
      end: fc.constantFrom("close", "close", "close", "cut", "hold"),
      cuts: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 4 }),
      contentType: fc.constantFrom("application/json", "text/html", "text/event-stream", ""),
      retryAfter: fc.constantFrom(
        "",
        "1",
        "0",
        "-5",
        "soon",
        "1e9",
        "Wed, 21 Oct 2026 07:28:00 GMT",
      ),
    })
    .map(({ body, status, end, cuts, contentType, retryAfter }): Script => ({
      status,
      headers: {
        "content-type": contentType,
        "retry-after": retryAfter,
        location: "http://127.0.0.1:1/",
      },
      writes: status === 204 ? [] : cutUp(Buffer.from(body), cuts, []),
      end: end as Script["end"],
    }));
}

function rudeScript(): fc.Arbitrary<Script> {
  return fc.constantFrom<Script[]>(
    { status: null, writes: [], end: "cut" },
    { status: null, writes: [], end: "hold" },
    { status: 200, writes: [], end: "close" },
    { status: 200, writes: [], end: "hold" },
    { status: 500, writes: [Buffer.from("x".repeat(100_000))], end: "hold" },
    // An event that never ends, past its bound.
    {
      status: 200,
      writes: Array<Buffer>(24).fill(Buffer.from(`data: ${"x".repeat(60_000)}`)),
      end: "hold",
    },
  );
}

function cutUp(
  bytes: Buffer,
  cuts: readonly number[],
  pauses: readonly number[],
): Script["writes"] {
  const writes: (Uint8Array | number)[] = [];
  let from = 0;
  for (const [index, size] of cuts.entries()) {
    if (from >= bytes.length) break;
    writes.push(bytes.subarray(from, from + size), pauses[index] ?? 0);
    from += size;
  }
  if (from < bytes.length) writes.push(bytes.subarray(from));
  return writes;
}

/** Bodies that are nearly right, wrong in one field, torn, or nothing of the kind. */
function fuzzedBody(): fc.Arbitrary<Buffer> {
  const sound = {
    model: "auto:short",
    messages: [{ role: "user", content: "What is 2 + 3?" }],
    max_tokens: 50,
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0.5,
    n: 1,
    stop: ["END"],
    tools: [],
    response_format: { type: "text" },
    reasoning_effort: "low",
  };
  const anything = fc.jsonValue({ maxDepth: 3 });
  const oneWrong = fc
    .tuple(fc.constantFrom(...Object.keys(sound), "unknown", "__proto__", "cache_salt"), anything)
    .map(([key, value]) =>
      JSON.stringify(sound).replace(/\}$/, `,${JSON.stringify(key)}:${JSON.stringify(value)}}`),
    );
  const replaced = fc
    .tuple(fc.constantFrom(...Object.keys(sound)), anything)
    .map(([key, value]) => JSON.stringify({ ...sound, [key]: value }));
  const message = fc.record(
    {
      role: fc.oneof(fc.constantFrom("user", "assistant", "system", "tool"), anything),
      content: fc.oneof(
        fc.string({ unit: "binary" }),
        anything,
        fc.array(fc.record({ type: fc.constantFrom("text", "image_url"), text: fc.string() })),
      ),
    },
    { requiredKeys: [] },
  );
  const messages = fc
    .array(fc.oneof(message, anything), { maxLength: 4 })
    .map((list) => JSON.stringify({ ...sound, messages: list }));
  const torn = fc
    .tuple(fc.nat({ max: 300 }), replaced)
    .map(([length, text]) => text.slice(0, length));
  const deep = fc
    .nat({ max: 20_000 })
    .map(
      (depth) =>
        `{"model":"auto:short","messages":[{"role":"user","content":"Hi"}],"x":${"[".repeat(depth)}${"]".repeat(depth)}}`,
    );
  return fc.oneof(
    { weight: 3, arbitrary: oneWrong.map((text) => Buffer.from(text)) },
    { weight: 3, arbitrary: replaced.map((text) => Buffer.from(text)) },
    { weight: 3, arbitrary: messages.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: torn.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: deep.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)) },
  );
}

async function eachOf<T>(
  items: readonly T[],
  visit: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const [index, item] of queue) await visit(item, index);
    }),
  );
}
