// Lessons on their way to a head: one message a second, bounded, and lost rather than waited for.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DECISIONS_PER_MESSAGE_MAX, type Decision } from "../../../policies/head/decision.ts";
import { GATHER_MS, Lessons, type LessonMemory } from "../../../worker/lessons.ts";
import type { HeadPort } from "../../../worker/ports.ts";
import { aDecision } from "../policies/head/a-decision.ts";

let messages: { head: string; decisions: readonly Decision[]; dropped: number }[];
let memory: LessonMemory;
beforeEach(() => {
  vi.useFakeTimers();
  messages = [];
  memory = new Map();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function lessonsWith(record?: () => Promise<unknown>): Lessons {
  const reach = (tenant: string, policy: string): HeadPort => ({
    record: async (decisions, dropped) => {
      messages.push({ head: `${tenant}:${policy}`, decisions, dropped });
      return record?.();
    },
    hear: async () => [],
    snapshot: async () => ({ revision: 0, state: null }),
  });
  return new Lessons(reach, memory, () => Date.now());
}

it("gathers what comes within a second, each head's for itself", async () => {
  const lessons = lessonsWith();
  const told = ["acme", "acme", "bolt"].map((tenant) => lessons.tell(tenant, "p", aDecision()));
  await vi.advanceTimersByTimeAsync(GATHER_MS - 1);
  expect(messages).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await Promise.all(told);
  expect(messages.map(({ head, decisions }) => [head, decisions.length])).toEqual([
    ["acme:p", 2],
    ["bolt:p", 1],
  ]);
  expect(memory.size).toBe(0);
});

it("sends no more than a message holds, and tells how many it left out", async () => {
  const lessons = lessonsWith();
  for (let index = 0; index < DECISIONS_PER_MESSAGE_MAX + 7; index += 1)
    void lessons.tell("acme", "p", aDecision());
  await vi.advanceTimersByTimeAsync(GATHER_MS);
  expect(messages).toHaveLength(1);
  expect(messages[0]?.decisions).toHaveLength(DECISIONS_PER_MESSAGE_MAX);
  expect(messages[0]?.dropped).toBe(7);
});

it("takes over what a request gathered that was cut", async () => {
  const lessons = lessonsWith();
  // The platform ended the request that waited: its timer never comes.
  const cut = aDecision();
  memory.set("acme:p", { decisions: [cut], dropped: 2, untilMs: Date.now() });
  const next = aDecision();
  void lessons.tell("acme", "p", next);
  await vi.advanceTimersByTimeAsync(GATHER_MS);
  expect(messages).toEqual([{ head: "acme:p", decisions: [cut, next], dropped: 2 }]);
});

it.each([
  { how: "fails", record: () => Promise.reject(new Error("lost")) },
  { how: "is silent", record: () => new Promise(() => undefined) },
])(
  "gives up after two tries where the head $how, and says so without a text",
  async ({ record }) => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const lessons = lessonsWith(record);
    const told = lessons.tell("acme", "p", aDecision());
    await vi.advanceTimersByTimeAsync(60_000);
    await told;
    expect(messages).toHaveLength(2);
    expect(JSON.parse(String(logged.mock.calls[0]?.[0]))).toMatchObject({
      event: "lessons-lost",
      tenant: "acme",
      count: 1,
    });
  },
);
