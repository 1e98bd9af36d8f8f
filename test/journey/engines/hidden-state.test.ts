// Difficulty read from hidden states: a pooling replica decides, comes late, lies or is away, and whatever it does the
// question is answered, the explanation says what decided, and its tokens are held and settled.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../../policies/catalog.ts";
import { generateItem } from "../../simulator/items/generate.ts";
import { poolingWidth } from "../../simulator/pooling.ts";
import { ask, readJson, turn } from "../support/chat.ts";
import { simulatorHeadBytes } from "../support/difficulty-head.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

/** Each a model like `deep` whose replica does one thing wrong; the name is the simulator's order for it. */
const REPLICAS = {
  good: "sim-large",
  late: "sim-large!slow-first-byte(20000)",
  silent: "sim-large!silent",
  narrow: "sim-large!wrong-width",
  hollow: "sim-large!not-a-number",
  empty: "sim-large!no-state",
  broken: "sim-large!error-500",
  headless: "sim-mid",
  strange: "sim-coder",
  tired: "sim-small!wrong-width",
} as const;
type Replica = keyof typeof REPLICAS;

/** These take longer than any deadline here. */
const NEVER_COMES = ["late", "silent"];

const PRICES = { version: "pool-1", inputNanosPerMtok: 1_000_000_000 };

let gateway: GatewayUnderTest;
beforeAll(async () => {
  const names = Object.keys(REPLICAS);
  gateway = await startGatewayUnderTest({
    catalog: (seeded) => {
      const deep = seeded.models.find(({ id }) => id === "deep")!;
      const [{ id: upstream } = { id: "" }] = seeded.upstreams;
      const models = Object.entries(REPLICAS).map(([id, name]): Model => ({
        ...deep,
        id,
        pooling: {
          upstream,
          name,
          width: poolingWidth,
          ...(id === "good" ? { prices: PRICES } : {}),
        },
      }));
      return { ...seeded, models: [...seeded.models, ...models] };
    },
    policies: [
      ...names.map((name) => ({
        name,
        version: "1",
        modes: { long: name },
        difficultyTier: "hidden-state",
        // Far more than a busy machine needs, but for those that never come.
        difficultyDeadlineMs: NEVER_COMES.includes(name) ? 200 : 10_000,
        confidenceMin: 0,
      })),
      { name: "by-text", version: "1", modes: { long: "good" } },
    ],
    tenants: [
      { id: "demo", name: "Demo", policy: "balanced", policies: [...names, "by-text"] },
      {
        id: "narrow",
        name: "One at a time",
        policy: "good",
        limits: [{ dimension: "concurrency", window: "lifetime", limit: 1 }],
      },
      {
        id: "poor",
        name: "Poor",
        policy: "good",
        limits: [{ dimension: "uncachedInputTokens", window: "day", limit: 60 }],
      },
    ],
    keys: ["narrow", "poor"].map((tenant) => ({
      secret: `sk-${tenant}`,
      document: { id: tenant, tenant },
    })),
  });
  const { CONFIGURATION } = await gateway.gateway.bindings<{ CONFIGURATION: KVNamespace }>();
  for (const [id, name] of Object.entries(REPLICAS)) {
    if (id === "headless") continue;
    const bytes = simulatorHeadBytes(id === "strange" ? "another-model" : name);
    await CONFIGURATION.put(`difficulty-head:${id}`, bytes.slice().buffer);
  }
});
afterAll(() => gateway.dispose());

interface Explained {
  readonly choice: {
    readonly difficulty_class: string;
    readonly difficulty_from: { readonly tier: string; readonly fidelity: string; reason: string };
    readonly ladder: readonly { readonly settings: { readonly temperature: number | null } }[];
  };
  readonly calls: readonly {
    readonly call_id: string;
    readonly purpose: string;
    readonly arm: string;
    readonly used: { readonly input_tokens: number } | null;
    readonly held: { readonly tokens: number };
    readonly cost_nanos: number | null;
    readonly certainty: string;
    readonly ending: string;
  }[];
}

const QUESTION = "What is 17 * 24?";

async function explain(policy: string, text = QUESTION, body: object = {}): Promise<Explained> {
  const response = await ask(gateway, turn(text, { ...body }), {
    headers: { "x-sluice-explain": "1", "x-sluice-policy": policy },
  });
  expect(response.status).toBe(200);
  return (await readJson<{ readonly sluice: Explained }>(response)).sluice;
}

function pooled(): number {
  return gateway.simulator.requests.filter(({ path }) => path.endsWith("/embeddings")).length;
}

describe("a replica that answers", () => {
  test.each([
    [0, "easy", 0.5],
    [2, "normal", 0.8],
    [6, "hard", 0.4],
  ] as const)("decides the class of %d steps: %s", async (steps, difficultyClass, temperature) => {
    const { text } = generateItem(3, "arithmetic", steps);
    const { choice, calls } = await explain("good", text);
    expect(choice).toMatchObject({
      difficulty_class: difficultyClass,
      difficulty_from: {
        tier: "hidden-state",
        fidelity: "exact",
        reason: "a head over the last hidden state of good",
      },
    });
    expect(calls.map(({ purpose }) => purpose)).toEqual(["difficulty", "answer"]);
    expect(choice.ladder[0]?.settings.temperature).toBe(temperature);
  });

  test("is held before it is asked and settled at its own price, once", async () => {
    const before = (await gateway.ledgerJournal("demo")).length;
    const { calls } = await explain("good");
    await gateway.untilSettled("demo");
    const [call] = calls;
    expect(call).toMatchObject({
      arm: "good/hidden-state",
      certainty: "exact",
      ending: "complete",
      cost_nanos: call!.used!.input_tokens * 1000,
    });
    expect(call!.held.tokens).toBeGreaterThanOrEqual(call!.used!.input_tokens);
    const rows = (await gateway.ledgerJournal("demo")).slice(before);
    const own = rows.filter(({ callId }) => callId === call!.call_id);
    expect(own.map(({ op }) => op)).toEqual(["hold", "settle"]);
    const asked = gateway.simulator.requests.findLast(({ path }) => path.endsWith("/embeddings"));
    expect(asked?.json).toMatchObject({
      model: "sim-large",
      use_activation: false,
      continue_final_message: true,
      add_generation_prompt: false,
    });
    expect(asked?.headers["x-request-id"]).toBe(call!.call_id);
  });

  test("is not in the answer's way where one call may be in flight at a time", async () => {
    const response = await ask(gateway, turn(QUESTION), {
      secret: "sk-narrow",
      headers: { "x-sluice-explain": "1" },
    });
    expect(response.status).toBe(200);
    const { sluice } = await readJson<{ readonly sluice: Explained }>(response);
    expect(sluice.choice.difficulty_from.tier).toBe("hidden-state");
  });
});

describe("the text decides, and the answer comes", () => {
  test.each<[Replica, string]>([
    ["late", "the replica of late gave no state: it took longer than 200 ms"],
    ["silent", "the replica of silent gave no state: it took longer than 200 ms"],
    ["narrow", "the state of narrow cannot be read: it holds 63 numbers, not 64"],
    ["hollow", "the state of hollow cannot be read: it holds what is no finite number"],
    ["empty", "the replica of empty gave no state: its answer holds no embedding"],
    ["broken", "the replica of broken gave no state: upstream-failed"],
    ["headless", "there is no difficulty-head:headless"],
    ["strange", "its head is for another-model of 64, not sim-coder of 64"],
  ])("where the replica is %s", async (policy, reason) => {
    const { choice } = await explain(policy);
    expect(choice.difficulty_from).toEqual({
      tier: "text",
      fidelity: "proxy",
      reason: `the text alone, since ${reason}`,
    });
  });

  test("where the replica came late, and what it was sent is charged all the same", async () => {
    const { calls } = await explain("late");
    expect(calls[0]).toMatchObject({ purpose: "difficulty", certainty: "unknown" });
    await gateway.untilSettled("demo");
    const rows = await gateway.ledgerJournal("demo");
    const settled = rows.find(({ op, callId }) => op === "settle" && callId === calls[0]!.call_id);
    expect(settled).toMatchObject({ certainty: "unknown" });
  });

  test("where its tokens do not fit a budget that still holds the answer", async () => {
    const before = pooled();
    const response = await ask(gateway, turn(QUESTION), {
      secret: "sk-poor",
      headers: { "x-sluice-explain": "1" },
    });
    const { sluice } = await readJson<{ readonly sluice: Explained }>(response);
    expect(pooled()).toBe(before);
    expect(sluice.choice.difficulty_from.reason).toMatch(
      /since its \d+ tokens were not held \(budget-exceeded\)$/,
    );
    expect(sluice.calls.map(({ purpose }) => purpose)).toEqual(["answer"]);
  });

  test("where the replica failed three times in a row, without asking it again", async () => {
    const before = pooled();
    for (let times = 0; times < 3; times += 1) await explain("tired");
    expect(pooled()).toBe(before + 3);
    const { choice } = await explain("tired");
    expect(pooled()).toBe(before + 3);
    expect(choice.difficulty_from.reason).toContain("failed several times just now");
  });
});

describe("no replica is asked", () => {
  test.each<[string, string, object]>([
    ["by a policy that does not say so", "by-text", {}],
    ["for talk", "good", { messages: [{ role: "user", content: "Hello there, how are you?" }] }],
    ["for a model by name", "good", { model: "mid" }],
  ])("%s", async (_, policy, body) => {
    const before = pooled();
    const { choice, calls } = await explain(policy, QUESTION, body);
    expect(pooled()).toBe(before);
    expect(calls.map(({ purpose }) => purpose)).toEqual(["answer"]);
    expect(choice.difficulty_from.tier).toBe("text");
  });

  test("by a preview, which says so", async () => {
    const before = pooled();
    const response = await fetch(`${gateway.url}/v1/choose`, {
      method: "POST",
      headers: { authorization: `Bearer ${gateway.secret}`, "x-sluice-policy": "good" },
      body: JSON.stringify(turn(QUESTION)),
    });
    const { choice } = await readJson<Explained>(response);
    expect(choice.difficulty_from.reason).toBe("the text alone, since a preview asks no replica");
    expect(pooled()).toBe(before);
  });
});

test("the log says of each request what decided", async () => {
  await explain("good");
  await explain("by-text");
  await gateway.untilSettled("demo");
  const tiers = gateway.logged
    .filter((line) => line.includes('"event":"request"'))
    .slice(-2)
    .map((line) => (JSON.parse(line) as { difficultyTier: string }).difficultyTier);
  expect(tiers).toEqual(["hidden-state", "text"]);
});
