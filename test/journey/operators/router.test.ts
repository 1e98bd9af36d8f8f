// A router that learns from what became of a tenant's requests: of that tenant alone, until it is frozen, back to the shipped
// probe when it is reset, and no request the worse for a head that is away.
import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { admin } from "../admin/admin-client.ts";
import { ask, readEvents, readJson, turn } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";
import { buildWatched } from "./watched-heads.ts";

const LEARNS = "sk-sluice-journey-learns";
const OTHER = "sk-sluice-journey-other";
const SHY = "sk-sluice-journey-shy";
/** Enough that any head believes them. */
const LESSONS = 120;
const AT_ONCE = 40;

let bundleFolder: string;
let gateway: GatewayUnderTest;
beforeAll(async () => {
  bundleFolder = await buildWatched(inject("bundleFolder"));
  const modes = { short: "small", long: "deep" };
  gateway = await startGatewayUnderTest({
    bundleFolder,
    policies: [
      { name: "learner", version: "1", lambda: 0.15, modes },
      { name: "shy", version: "1", modes, learning: "off" },
    ],
    tenants: [
      { id: "learns", name: "Learns", policy: "learner", policies: ["shy"] },
      { id: "other", name: "Other", policy: "learner" },
      { id: "shy", name: "Shy", policy: "shy" },
    ],
    keys: [
      { secret: LEARNS, document: { id: "learns", tenant: "learns" } },
      { secret: OTHER, document: { id: "other", tenant: "other" } },
      { secret: SHY, document: { id: "shy", tenant: "shy" } },
    ],
  });
});
afterAll(async () => {
  await gateway.dispose();
  await rm(bundleFolder, { recursive: true, force: true });
});

const question = (index: number): string =>
  `A pen costs ${index + 3} coins and a book ${index + 12}. What do 4 pens and 2 books cost?`;

interface Previewed {
  readonly advice_age_seconds: number | null;
  readonly choice: {
    readonly ladder: readonly { readonly arm: string; readonly estimated_from: string }[];
  };
}

/** What would be chosen now for a question that nobody asked yet. */
async function preview(secret: string) {
  const response = await fetch(`${gateway.url}/v1/choose`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify(turn(question(5_000))),
  });
  const body = await readJson<Previewed>(response);
  return {
    arm: body.choice.ladder[0]?.arm,
    from: body.choice.ladder[0]?.estimated_from,
    ageSeconds: body.advice_age_seconds,
  };
}

interface Answered {
  readonly requestId: string;
  readonly arm: string;
}

/** Asks that many questions, a few at once. */
async function askMany(secret: string, count: number, from: number): Promise<Answered[]> {
  const answered: Answered[] = [];
  for (let start = 0; start < count; start += AT_ONCE) {
    const indexes = Array.from(
      { length: Math.min(AT_ONCE, count - start) },
      (_, at) => from + start + at,
    );
    const some = await Promise.all(
      indexes.map(async (index) => {
        const { headers, arrayBuffer } = bodyOf(
          await ask(gateway, turn(question(index)), { secret }),
        );
        await arrayBuffer();
        const arm = `${headers.get("x-sluice-model")}/${headers.get("x-sluice-mode")}`;
        return { requestId: headers.get("x-request-id") ?? "", arm };
      }),
    );
    answered.push(...some);
    // Each second holds only so many for one head; all of them shall be learned from.
    await expect
      .poll(() => toldIds("learns:learner").length, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(from + start + indexes.length);
  }
  return answered;
}

const bodyOf = (response: Response) => ({
  headers: response.headers,
  arrayBuffer: () => response.arrayBuffer(),
});

interface Told {
  readonly head: string;
  readonly method: string;
  readonly given: readonly unknown[];
}

function told(head: string, method: string): Told[] {
  return gateway.logged
    .filter((line) => line.includes('"event":"head-told"'))
    .map((line) => JSON.parse(line) as Told)
    .filter((one) => one.head === head && one.method === method);
}

interface ToldDecision {
  readonly requestId: string;
  readonly signals: Readonly<Record<string, unknown>>;
}

const toldDecisions = (head: string): ToldDecision[] =>
  told(head, "record").flatMap(({ given }) => given[0] as ToldDecision[]);
const toldIds = (head: string): string[] => toldDecisions(head).map(({ requestId }) => requestId);

async function feedBack(secret: string, requestId: string, score: number): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/feedback`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ request_id: requestId, score }),
  });
  await response.arrayBuffer();
  return response.status;
}

const router = async (tenant = "learns") =>
  (await admin(gateway, `GET /tenants/${tenant}/router`)).body;
const grade = (answers: readonly Answered[], score: number) =>
  admin<{ data: { request_id: string; outcome: string }[] }>(
    gateway,
    "POST /tenants/learns/grades",
    answers.map(({ requestId }) => ({ request_id: requestId, score, grader: "exact-match" })),
  );

let shipped: string | undefined;
let learned: string | undefined;

test("feedback and grades on its traffic shift the choice of one tenant, and not of another", async () => {
  ({ arm: shipped } = await preview(LEARNS));
  const answered = await askMany(LEARNS, LESSONS, 0);
  expect(new Set(answered.map(({ arm }) => arm))).toEqual(new Set([shipped]));
  const [client, graded] = [answered.slice(0, 30), answered.slice(30)];
  for (const { requestId } of client) expect(await feedBack(LEARNS, requestId, 0)).toBe(200);
  const { body } = await grade(graded, 0);
  expect(body.data.map(({ outcome }) => outcome)).toEqual(graded.map(() => "taught"));
  await expect.poll(async () => (await router())["scored"], { timeout: 10_000 }).toBe(LESSONS);
  expect(await router()).toMatchObject({
    lessons: LESSONS,
    decisions: LESSONS,
    frozen: false,
    learning: "on",
  });

  await gateway.startAnew();
  await expect.poll(async () => (await preview(LEARNS)).arm, { timeout: 10_000 }).not.toBe(shipped);
  const shifted = await preview(LEARNS);
  learned = shifted.arm;
  expect(shifted.ageSeconds).not.toBeNull();
  expect(await preview(OTHER)).toEqual({ arm: shipped, from: "prior", ageSeconds: null });
  expect(await router("other")).toMatchObject({ lessons: 0, decisions: 0, arms: [] });
});

test("a grade that comes again is the same, and one of another tenant's or nobody's request is unknown", async () => {
  const [own] = toldIds("learns:learner");
  const foreign = await ask(gateway, turn(question(1)), { secret: OTHER });
  await foreign.arrayBuffer();
  const ids = [own ?? "", foreign.headers.get("x-request-id") ?? "", crypto.randomUUID()];
  const answers = ids.map((requestId) => ({ requestId, arm: "" }));
  expect((await grade(answers, 0)).body.data).toEqual([
    { request_id: ids[0], outcome: "taught" },
    { request_id: ids[1], outcome: "unknown" },
    { request_id: ids[2], outcome: "unknown" },
  ]);
  expect((await grade(answers, 0)).body.data[0]).toEqual({ request_id: ids[0], outcome: "same" });
  expect(await feedBack(OTHER, own ?? "", 1)).toBe(404);
});

test("a frozen router advises as it did and learns nothing, and says who froze it", async () => {
  const frozen = await admin(gateway, "POST /tenants/learns/router/freeze", undefined, {
    headers: { "x-sluice-actor": "ops@example.org" },
  });
  expect(frozen.body).toMatchObject({
    act: "freeze",
    policy: "learner",
    changes: true,
    dry_run: false,
  });
  const answered = await askMany(LEARNS, AT_ONCE, LESSONS);
  const { body } = await grade(answered, 0);
  expect(new Set(body.data.map(({ outcome }) => outcome))).toEqual(new Set(["kept"]));
  await gateway.startAnew();
  await expect.poll(async () => (await preview(LEARNS)).arm, { timeout: 10_000 }).toBe(learned);
  const report = await router();
  expect(report).toMatchObject({ frozen: true, lessons: LESSONS, decisions: LESSONS + AT_ONCE });
  expect(report["acts"]).toEqual([
    expect.objectContaining({ act: "freeze", actor: "ops@example.org" }),
  ]);
});

test("a reset goes back to the shipped probe at once where it was asked for; a rehearsal does not", async () => {
  const rehearsed = await admin(gateway, "POST /tenants/learns/router/reset?dry_run=1");
  expect(rehearsed.body).toMatchObject({ changes: true, dry_run: true });
  expect((await preview(LEARNS)).arm).toBe(learned);
  await admin(gateway, "POST /tenants/learns/router/reset");
  expect(await preview(LEARNS)).toEqual({ arm: shipped, from: "prior", ageSeconds: null });
  expect(await router()).toMatchObject({ lessons: 0, decisions: 0, kept: 0 });
  expect(gateway.logged.join("\n")).toContain('"event":"admin-router"');
});

test.each(["silent", "broken"])("a head that is %s fails and holds up no request", async (how) => {
  await gateway.startAnew();
  const options = { secret: LEARNS, headers: { "x-journey-heads": how } };
  const whole = await ask(gateway, turn("What is 3 + 4?"), options);
  expect(whole.status).toBe(200);
  await whole.arrayBuffer();
  const stream = await ask(gateway, turn("What is 3 + 5?", { stream: true }), options);
  expect((await readEvents(stream)).at(-1)).toBe("[DONE]");
  const requestId = whole.headers.get("x-request-id") ?? "";
  const fedBack = await fetch(`${gateway.url}/v1/feedback`, {
    method: "POST",
    headers: { authorization: `Bearer ${LEARNS}`, "x-journey-heads": how },
    body: JSON.stringify({ request_id: requestId, score: 1 }),
  });
  expect(fedBack.status).toBe(200);
  await fedBack.arrayBuffer();
});

test("nothing that is told to a head holds a word of the question, of the answer or of the key", async () => {
  const word = "xylophone-quartz";
  const stream = turn(`Say ${word} and what 3 + 9 is.`, { stream: true, user: `user-${word}` });
  const headers = { "x-sluice-session": `session-${word}` };
  const response = await ask(gateway, stream, { secret: OTHER, headers });
  const requestId = response.headers.get("x-request-id") ?? "";
  await readEvents(response);
  await expect.poll(() => toldIds("other:learner"), { timeout: 10_000 }).toContain(requestId);
  const lines = gateway.logged.filter((line) => line.includes('"event":"head-told"')).join("\n");
  for (const text of [word, OTHER, "What", "coins"]) expect(lines).not.toContain(text);
});

test("an answer's form is told where one was asked for, and how it ended", async () => {
  const fields = { response_format: { type: "json_object" } };
  const whole = await ask(gateway, turn("What is 3 + 10? Answer as JSON.", fields), {
    secret: OTHER,
  });
  await whole.arrayBuffer();
  const cut = await ask(gateway, turn(question(77), { max_tokens: 3 }), { secret: OTHER });
  await cut.arrayBuffer();
  const signalsOf = (response: Response) =>
    toldDecisions("other:learner").find(
      ({ requestId }) => requestId === response.headers.get("x-request-id"),
    )?.signals;
  await expect
    .poll(() => signalsOf(cut), { timeout: 10_000 })
    .toMatchObject({ finishReason: "length", isFormatValid: null, capTokens: 3 });
  await expect
    .poll(() => signalsOf(whole), { timeout: 10_000 })
    .toMatchObject({ finishReason: "stop", isFormatValid: true });
});

test("under a policy that turns learning off no head hears of a request, or is asked for advice", async () => {
  const answer = await ask(gateway, turn("What is 3 + 11?"), { secret: SHY });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  // One that is told comes after it, and is told all the same.
  const later = await ask(gateway, turn("What is 3 + 12?"), { secret: OTHER });
  await later.arrayBuffer();
  await expect
    .poll(() => toldIds("other:learner"), { timeout: 10_000 })
    .toContain(later.headers.get("x-request-id"));
  expect([...told("shy:shy", "record"), ...told("shy:shy", "snapshot")]).toEqual([]);
  expect((await router("shy"))["learning"]).toBe("off");
});
