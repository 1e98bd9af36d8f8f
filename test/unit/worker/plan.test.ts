// A plan under a budget's price: what is chosen, for whom, and what is remembered of it.
import { describe, expect, it } from "vitest";
import type { Catalog } from "../../../policies/catalog.ts";
import { parseTenant } from "../../../policies/tenant.ts";
import { BudgetPrices, pricedPath } from "../../../worker/budget-prices.ts";
import { Conversations, type ConversationPort } from "../../../worker/conversations.ts";
import type { Dependencies } from "../../../worker/dependencies.ts";
import { chat } from "../../../worker/dialect/chat.ts";
import { degradedFrom, explanation } from "../../../worker/explain.ts";
import { plan } from "../../../worker/plan.ts";
import { Prompt } from "../../../worker/prompt.ts";
import { ProviderCaches } from "../../../worker/provider-caches.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import { classify } from "../classifiers/shipped.ts";
import { CATALOG, policy } from "../policies/choose-questions.ts";
import { askFor } from "./a-request.ts";
import { limitOf } from "./memory-ledger.ts";

const LIMITS = [limitOf()];
const QUESTION =
  "A train leaves at 9:40 and rides 3 hours 25 minutes, then waits 18 minutes. When does it leave again? Show each step.";

/** Prices by the id of the key that has limits, and was told them. */
function surround(prices: Record<string, number>, fields: object = {}, catalog: Catalog = CATALOG) {
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
      catalog: async () => catalog,
    },
    conversations: {
      recall: async () => null,
      remember: async (_tenant: string, _session: string, arm: object) =>
        remembered.push(JSON.stringify(arm)),
    },
    prices: new BudgetPrices(memory, () => 0),
    probe: classify,
    providerCaches: new ProviderCaches(new Map(), () => 0),
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

describe("a prompt that a provider may have cached", () => {
  const DECLARED: Catalog = {
    ...CATALOG,
    upstreams: CATALOG.upstreams.map((upstream) => ({
      ...upstream,
      promptCache: { ttlMs: 300_000, minTokens: 1024, sendsKey: false },
    })),
  };
  const messages = [
    {
      role: "system",
      content: "You answer questions about trains and their stations. ".repeat(400),
    },
    { role: "user", content: QUESTION },
  ];

  async function planAfter(
    models: readonly string[],
    catalog = DECLARED,
    tenant = "t",
    fields: object = {},
  ) {
    const { deps, remembered } = surround({}, fields, catalog);
    for (const id of models) {
      const model = catalog.models.find((one) => one.id === id)!;
      const prompt = new Prompt(askFor({ messages }), tenant);
      deps.providerCaches
        .send(catalog.upstreams[0]!, model, () => prompt)
        ?.ended({ inputTokens: null, cachedTokens: null, isFault: false });
    }
    const request = new Request("https://sluice.invalid/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer sk" },
      body: JSON.stringify({ model: "auto", messages }),
    });
    const planned = await plan(request, chat, "r", deps, new Patience());
    if (planned.kind !== "planned") throw new Error(JSON.stringify(planned.failure));
    await planned.remember();
    const { explained } = planned;
    const costOf = (id: string) =>
      explained.choice.weighed.find(({ arm }) => arm.model === id)!.estimate;
    return { explained, costOf, remembered };
  }

  it("costs less on the model that it was sent to, and on no other; the explanation says so", async () => {
    const [cold, warm] = [await planAfter([]), await planAfter(["deep"])];
    expect(warm.costOf("deep").costNanos).toBeLessThan(cold.costOf("deep").costNanos);
    expect(warm.costOf("mid")).toEqual(cold.costOf("mid"));
    const said = JSON.parse(explanation(warm.explained, [])) as {
      prompt_cache: { model: string; expected_cached_tokens: number; known: boolean }[];
      choice: { weighed: { arm: string; expected_cached_tokens: number }[] };
    };
    const { expected_cached_tokens } = said.prompt_cache.find(({ model }) => model === "deep")!;
    expect(expected_cached_tokens).toBeGreaterThan(4000);
    expect(said.prompt_cache.find(({ model }) => model === "mid")).toEqual({
      model: "mid",
      expected_cached_tokens: 0,
      known: true,
    });
    expect(said.choice.weighed.find(({ arm }) => arm.startsWith("deep/"))).toMatchObject({
      expected_cached_tokens,
    });
  });

  it("costs what it did where another tenant sent it, or the catalog declares no cache", async () => {
    const cold = await planAfter([]);
    expect((await planAfter(["deep"], DECLARED, "other")).costOf("deep")).toEqual(
      cold.costOf("deep"),
    );
    const undeclared = await planAfter(["deep"], CATALOG);
    expect(undeclared.costOf("deep")).toEqual(cold.costOf("deep"));
    expect(undeclared.explained.cached).toBeNull();
  });

  it("that decides a first turn has it written down, since another isolate could not derive it", async () => {
    // Where the cached price is what tips the scales.
    for (let lambda = 0.001; lambda < 10; lambda *= 1.1) {
      const fields = { lambda };
      const [cold, warm] = [
        await planAfter([], DECLARED, "t", fields),
        await planAfter(["deep"], DECLARED, "t", fields),
      ];
      expect(cold.remembered).toEqual([]);
      const armOf = ({ explained }: typeof cold) => explained.choice.ladder[0].arm;
      if (armOf(warm).model === armOf(cold).model) {
        expect(warm.remembered).toEqual([]);
        continue;
      }
      expect(armOf(warm).model).toBe("deep");
      expect(warm.remembered).toHaveLength(1);
      return;
    }
    expect.fail("The cached price never decided.");
  });
});
