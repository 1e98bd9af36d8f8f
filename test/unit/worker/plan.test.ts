// A plan under a budget's price: what is chosen, for whom, and what is remembered of it.
import { describe, expect, it } from "vitest";
import { parseTenant } from "../../../policies/tenant.ts";
import { BudgetPrices, pricedPath } from "../../../worker/budget-prices.ts";
import { Conversations, type ConversationPort } from "../../../worker/conversations.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { chat } from "../../../worker/dialect/chat.ts";
import { degradedFrom } from "../../../worker/explain.ts";
import { plan } from "../../../worker/plan.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import { classify } from "../classifiers/shipped.ts";
import { CATALOG, policy } from "../policies/choose-questions.ts";
import { limitOf } from "./memory-ledger.ts";

const LIMITS = [limitOf()];
const QUESTION =
  "A train leaves at 9:40 and rides 3 hours 25 minutes, then waits 18 minutes. When does it leave again? Show each step.";

/** Prices by the id of the key that has limits, and was told them. */
function surround(prices: Record<string, number>, fields: object = {}) {
  const remembered: string[] = [];
  const memory = new Map(
    Object.entries(prices).map(([id, lambda]) => [
      pricedPath("t", [{ scope: `key:${id}`, limits: LIMITS }]),
      { lambda, atMs: 0 },
    ]),
  );
  const tenant = parseTenant({ id: "t", name: "T", policy: "p" });
  if (tenant.kind === "faulty") throw new Error("It is faulty.");
  const deps = {
    configuration: {
      key: async () => ({ id: "k", tenant: "t", limits: LIMITS }),
      tenant: async () => tenant.value,
      policy: async () => policy({ lambda: 0, ...fields }),
      catalog: async () => CATALOG,
    },
    conversations: {
      recall: async () => null,
      remember: async (_tenant: string, _session: string, arm: object) =>
        remembered.push(JSON.stringify(arm)),
    },
    prices: new BudgetPrices(memory, () => 0),
    probe: classify,
    heads: { advise: async () => null },
    now: () => 0,
    // Inside every share, so that what may be explored is.
    chance: () => 0,
  } as unknown as Dependencies;
  return { deps, remembered };
}

async function planFor(
  prices: Record<string, number>,
  headers: Record<string, string> = {},
  fields: object = {},
) {
  const { deps, remembered } = surround(prices, fields);
  const request = new Request("https://sluice.invalid/v1/chat/completions", {
    method: "POST",
    headers: { authorization: "Bearer sk", ...headers },
    body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: QUESTION }] }),
  });
  const planned = await plan(request, chat, "r", deps, new Patience());
  if (planned.kind !== "planned") throw new Error(JSON.stringify(planned.failure));
  await planned.remember();
  return { ...planned.explained, remembered };
}

describe("the budget's price", () => {
  it("makes the choice cheaper, and the choice says what it would have been", async () => {
    const free = await planFor({});
    const priced = await planFor({ k: 100 });
    const [first] = priced.choice.ladder;
    expect(free.thrift).toMatchObject({ lambda: 0, undegraded: free.choice.ladder[0].arm });
    expect(priced.thrift).toMatchObject({ lambda: 100, undegraded: free.choice.ladder[0].arm });
    expect(first.estimate.costNanos).toBeLessThan(free.choice.ladder[0].estimate.costNanos);
  });

  it("is that of the limits that the request is under, and not another key's", async () => {
    expect((await planFor({ other: 100 })).thrift.lambda).toBe(0);
  });

  it("is nothing to a caller who is strict, whose ladder has no rung that is only cheaper", async () => {
    const free = await planFor({});
    const strict = await planFor({ k: 100 }, { "x-sluice-budget": "strict" });
    expect(strict.choice.ladder[0].arm).toEqual(free.choice.ladder[0].arm);
    expect(strict.thrift).toMatchObject({ lambda: 0, isStrict: true });
    expect(free.choice.ladder.map(({ reason }) => reason.word)).toContain("cheaper");
    expect(strict.choice.ladder.map(({ reason }) => reason.word)).not.toContain("cheaper");
  });

  it("makes a first turn one to remember, since nobody could derive it later", async () => {
    expect((await planFor({})).remembered).toEqual([]);
    expect((await planFor({ k: 100 })).remembered).toHaveLength(1);
  });
});

describe("exploration", () => {
  const exploring = { exploreShare: 0.2, exploreRegretMax: 1 };

  it("tries another arm, whose conversation is written down, since nobody could derive it later", async () => {
    const tried = await planFor({}, {}, exploring);
    const best = await planFor({});
    expect(tried.choice.isExplored).toBe(true);
    expect(tried.choice.ladder[0].reason.word).toBe("explored");
    expect(tried.choice.ladder[0].arm).not.toEqual(best.choice.ladder[0].arm);
    expect(tried.remembered).toHaveLength(1);
    expect(best.choice).toMatchObject({ isExplored: false, propensity: 1 });
  });

  it("is nothing to a caller who is strict", async () => {
    const strict = await planFor({}, { "x-sluice-budget": "strict" }, exploring);
    expect(strict.choice).toMatchObject({ isExplored: false, propensity: 1 });
  });
});

/** Far more than any arm gains, so that a conversation stays wherever it is. */
const STICKY = 0.9;
const HISTORY = [
  { role: "user", content: QUESTION },
  { role: "assistant", content: "It leaves at 13:23." },
];
const FOLLOWING = [...HISTORY, { role: "user", content: `${QUESTION} And half an hour later?` }];
const TOOL_RESULT = [
  { role: "user", content: QUESTION },
  {
    role: "assistant",
    tool_calls: [{ id: "1", type: "function", function: { name: "clock", arguments: "{}" } }],
  },
  { role: "tool", tool_call_id: "1", content: "9:40" },
];

/** One conversation, turn after turn, and what its object was told. */
function converse() {
  let memory: Awaited<ReturnType<ConversationPort["recall"]>> = null;
  const port: ConversationPort = {
    recall: async () => memory,
    remember: async (arm, undegraded) => {
      memory = { arm, atMs: 0, ...(undegraded === undefined ? {} : { undegraded }) };
    },
  };
  const say = async (messages: object[], lambda: number, headers: Record<string, string> = {}) => {
    const { deps } = surround(lambda === 0 ? {} : { k: lambda });
    const { configuration } = deps;
    const sticky = {
      ...deps,
      configuration: {
        key: async () => ({ id: "k", tenant: "t", limits: LIMITS }),
        tenant: async () => configuration.tenant("t"),
        policy: async () => policy({ lambda: 0, switchMargin: STICKY }),
        catalog: async () => CATALOG,
      },
      conversations: new Conversations(() => port),
    } as unknown as Dependencies;
    const request = new Request("https://sluice.invalid/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer sk", "x-sluice-session": "s", ...headers },
      body: JSON.stringify({ model: "auto", messages }),
    });
    const planned = await plan(request, chat, "r", sticky, new Patience());
    if (planned.kind !== "planned") throw new Error(JSON.stringify(planned.failure));
    await planned.remember();
    const [first] = planned.explained.choice.ladder;
    return { arm: first.arm, degraded: degradedFrom(planned.explained, first, false) };
  };
  return { say, memory: () => memory };
}

describe("a conversation that began under a budget's price", () => {
  const first = [{ role: "user", content: QUESTION }];

  it("is on its cheaper arm as long as the price stands, and says so in every turn", async () => {
    const { say, memory } = converse();
    const begun = await say(first, 100);
    expect(begun.degraded).not.toBeNull();
    const told = memory();
    expect(await say(FOLLOWING, 100)).toEqual(begun);
    expect(memory()).toBe(told);
  });

  it.each([
    ["once the price is gone", 0, {}],
    ["for a caller who is strict", 100, { "x-sluice-budget": "strict" }],
  ])("goes back to what it would have been %s, and stays there", async (_, lambda, headers) => {
    const plain = await converse().say(first, 0);
    const { say } = converse();
    const begun = await say(first, 100);
    expect(begun.arm).not.toEqual(plain.arm);
    expect(await say(FOLLOWING, lambda, headers)).toEqual({ arm: plain.arm, degraded: null });
    expect(await say(FOLLOWING, 0)).toEqual({ arm: plain.arm, degraded: null });
  });

  it("does not switch for a tool's result, and says what it lacks, to a strict caller too", async () => {
    for (const headers of [{}, { "x-sluice-budget": "strict" }]) {
      const { say } = converse();
      const begun = await say(first, 100);
      expect(await say(TOOL_RESULT, 0, headers)).toEqual(begun);
    }
  });
});
