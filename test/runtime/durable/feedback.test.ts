// A tenant's feedback inside workerd: findings of its prompts replace what the same isolate told before, are forgotten after a
// day, bounded, and are one tenant's alone; opinions stay.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { FINDINGS_MAX } from "../../../durable/prompt-findings.ts";
import { feedbackOf } from "../../../durable/reach.ts";
import { FINDINGS_KEPT_MS, type ModelFinding } from "../../../policies/prefix/findings.ts";
import { stopClockOfEach } from "./a-clock.ts";

const clock = stopClockOfEach();

const fresh = () => feedbackOf(env.FEEDBACK, crypto.randomUUID());
const found = (prompts: number, model = "small"): ModelFinding => ({
  model,
  prompts,
  sharedShare: 0.97,
  partsAtUnits: 40,
  partKind: "time",
  advice: "Move the time.",
});
const OPINION = { requestId: "r", keyId: "k", score: 1, comment: null };

it("keeps what each isolate told last", async () => {
  const stub = fresh();
  await stub.keepFindings("one", [found(3)]);
  await stub.keepFindings("two", [found(5)]);
  await stub.keepFindings("one", [found(9), found(2, "large")]);
  expect(await stub.promptFindings()).toEqual([found(9), found(2, "large"), found(5)]);
  expect(await fresh().promptFindings()).toEqual([]);
});

it("tells nothing that is older than a day, and the alarm drops it, while opinions stay", async () => {
  const stub = fresh();
  await stub.keep(OPINION);
  await stub.keepFindings("one", [found(3)]);
  clock.advance(FINDINGS_KEPT_MS);
  expect(await stub.promptFindings()).toEqual([]);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  await runInDurableObject(stub, (_, { storage }) => {
    expect(storage.sql.exec("SELECT * FROM prompt_findings").toArray()).toEqual([]);
  });
  expect(await stub.list(0, "", 10)).toHaveLength(1);
});

it("holds the isolates that told last, and of each a bounded list", async () => {
  const stub = fresh();
  for (let i = 0; i < 80; i++) {
    clock.advance(1000);
    await stub.keepFindings(`isolate-${i}`, [found(i + 2)]);
  }
  const kept = await stub.promptFindings();
  expect(kept).toHaveLength(64);
  expect(Math.min(...kept.map(({ prompts }) => prompts))).toBe(18);
  const other = fresh();
  await other.keepFindings(
    "one",
    Array.from({ length: 500 }, () => found(2)),
  );
  expect(await other.promptFindings()).toHaveLength(FINDINGS_MAX);
});

it("lists opinions page by page, each once, also those of one millisecond", async () => {
  const stub = fresh();
  const said = ["b", "a", "d", "c"];
  for (const requestId of said) await stub.keep({ ...OPINION, requestId });
  clock.advance(1);
  await stub.keep({ ...OPINION, requestId: "0", comment: "Late." });
  const pages: string[][] = [];
  for (let place = { atMs: 0, requestId: "" }; ;) {
    const page = await stub.list(place.atMs, place.requestId, 2);
    const last = page.at(-1);
    if (last === undefined) break;
    pages.push(page.map(({ requestId }) => requestId));
    place = last;
  }
  expect(pages).toEqual([["a", "b"], ["c", "d"], ["0"]]);
});
