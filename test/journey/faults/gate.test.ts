// The gate: headers wait for the first real chunk, at most so long. What comes before it opens is a status, what
// comes after is in the stream, and a silence carries comments.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { only, startFaultGateway, throughSdk, type FaultGateway } from "./fault-gateway.ts";
import { startScriptedUpstream, type Script, type ScriptedUpstream } from "./scripted-upstream.ts";
import { chunk, done, finish, role, sse } from "./wire-samples.ts";

const HEARTBEAT = ": sluice\n\n";

let gateway: FaultGateway;
let scripted: ScriptedUpstream;
let script: Script;

beforeAll(async () => {
  scripted = await startScriptedUpstream(() => script);
  gateway = await startFaultGateway({
    upstreams: { scripted: { baseUrl: scripted.baseUrl } },
    policies: [
      only("scripted"),
      only("scripted", { name: "patient", gateMs: 10_000, idleMs: 10_000, deadlineMs: 20_000 }),
    ],
  });
});

afterAll(async () => {
  await gateway.dispose();
  await scripted.close();
});

beforeEach(() => gateway.simulator.reset());

test("a silence longer than the gate opens it with comments, and the content follows untouched", async () => {
  const answer = [role(), chunk("one"), chunk(" two"), finish(), done()];
  script = { status: 200, writes: [700, ...answer.map(sse)], end: "close" };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(seen.status).toBe(200);
  const [comments, content] = parted(seen.text);
  expect(comments).toMatch(/^(?:: sluice\n\n)+$/);
  expect(content).toBe(answer.map(sse).join(""));
});

test("comments of the upstream and a lone role do not open the gate", async () => {
  const error = JSON.stringify({ error: { message: "Out of memory.", type: "server_error" } });
  script = {
    status: 200,
    writes: [Buffer.from(": warming up\n\n"), sse(role()), 100, sse(error)],
    end: "close",
  };
  const seen = await gateway.see({ text: "Hello", policy: "patient", isStream: true });
  expect(seen.status).toBe(502);
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_error" });
});

test("what the gate held back is passed on in its order", async () => {
  const before = Buffer.from(": warming up\n\n");
  const answer = [role(), chunk("one"), finish(), done()];
  script = { status: 200, writes: [before, 100, ...answer.map(sse)], end: "close" };
  const seen = await gateway.see({ text: "Hello", policy: "patient", isStream: true });
  expect(seen.text).toBe(before.toString() + answer.map(sse).join(""));
});

test("a failure after the gate opened by time is told in band, with no clean end", async () => {
  script = { status: 200, writes: [700], end: "cut" };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(seen).toMatchObject({ status: 200, isCut: false });
  expect(seen.text.startsWith(HEARTBEAT)).toBe(true);
  expect(seen.text).not.toContain("[DONE]");
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_cut" });
});

test("a stall in the middle carries comments between the events", async () => {
  script = {
    status: 200,
    writes: [sse(role()), sse(chunk("one")), 700, sse(chunk(" two")), sse(finish()), sse(done())],
    end: "close",
  };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  const [before, after] = seen.text.split(sse(chunk(" two")).toString());
  expect(before?.endsWith(HEARTBEAT + HEARTBEAT)).toBe(true);
  expect(after).toBe(sse(finish()).toString() + sse(done()).toString());
  expect(await throughSdk(seen, true)).toMatchObject({ kind: "answer", text: "one two" });
});

test("a comment of ours never stands inside an event", async () => {
  const event = sse(chunk("one"));
  script = {
    status: 200,
    writes: [
      sse(role()),
      sse(chunk("zero")),
      event.subarray(0, 30),
      700,
      event.subarray(30),
      sse(finish()),
      sse(done()),
    ],
    end: "close",
  };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(seen.text).toContain(HEARTBEAT + event.toString());
});

test("an event that its upstream did not end does not swallow the error behind it", async () => {
  const unended = Buffer.from(`data: ${chunk(" two")}`);
  script = { status: 200, writes: [sse(role()), sse(chunk("one")), unended], end: "close" };
  const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
  expect(await throughSdk(seen, true)).toMatchObject({
    kind: "error",
    code: "upstream_cut",
    text: "one two",
  });
});

test("an upstream that drips without end is stopped at the deadline", async () => {
  const drip = Array.from({ length: 400 }, (_, at) => [sse(chunk(` ${at}`)), 50]).flat();
  script = { status: 200, writes: [sse(role()), ...drip], end: "hold" };
  const rows = await gateway.journalOf(async () => {
    const seen = await gateway.see({ text: "Hello", policy: "only-scripted", isStream: true });
    expect(await throughSdk(seen, true)).toMatchObject({ kind: "error", code: "upstream_timeout" });
    expect(seen.text).toContain("had not finished after 3000 ms");
  });
  // Long is no fault: the upstream was answering all the while.
  expect(rows.at(-1)).toMatchObject({ ending: "cut-off", certainty: "at_least" });
});

test("the gateway is healthy after all of it", () => gateway.expectHealthy());

/** The comments that opened the gate, and the rest. */
function parted(text: string): readonly [comments: string, content: string] {
  const at = text.indexOf("data:");
  return [text.slice(0, at), text.slice(at)];
}
