// What a finished request tells its head: the propensities of what could have run, what it really cost, and nothing of
// requests that teach nothing.
import { expect, it } from "vitest";
import { classify } from "../classifiers/shipped.ts";
import { choose } from "../../../policies/choose.ts";
import { armName } from "../../../policies/mode.ts";
import type { Admission } from "../../../worker/admit.ts";
import type { Explained } from "../../../worker/explain.ts";
import type { OpenCall } from "../../../worker/open-call.ts";
import { decisionOf, type Finished } from "../../../worker/signals.ts";
import { askFor, catalogOf, policyOf } from "./a-request.ts";

const TEXT = "A pen costs 3 coins and a book 12. What do 4 pens and 2 books cost, xylophone?";
const catalog = catalogOf([], "vllm", { strength: 0.7 });

interface Changes {
  readonly policy?: object;
  readonly ask?: object;
  readonly chance?: number | null;
  readonly thrift?: number;
  readonly account?: object;
}

function finished({
  policy: fields = {},
  ask: body = {},
  chance = null,
  thrift = 0,
  account = {},
}: Changes = {}): Finished {
  const modes = { short: "small", code: "small", long: "small" };
  const policy = policyOf({ modes, ...fields });
  const features = { ...classify(TEXT), confidence: 1 };
  const chosen = choose({
    features,
    policy,
    catalog,
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    inputTokens: 50,
    needs: [],
    lambda: policy.lambda,
    advice: null,
    chance,
  });
  if (chosen.kind !== "chosen") throw new Error(chosen.kind);
  const { choice } = chosen;
  const [rung] = choice.ladder;
  const model = catalog.models[0];
  const usage = {
    inputTokens: 50,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 300,
    reasoningTokens: 0,
  };
  const ask = askFor({ messages: [{ role: "user", content: TEXT }], ...body });
  return {
    admission: {
      tenant: { id: "acme" },
      keyId: "key-1",
      ask,
      session: { name: "seed talk", isNamed: false },
      asked: { mode: null, model: null },
    } as unknown as Admission,
    explained: {
      requestId: "r",
      policy,
      variant: null,
      features,
      choice,
      thrift: { lambda: thrift, undegraded: rung.arm, isStrict: false },
      adviceAgeMs: null,
      cached: null,
      prompts: null,
    } satisfies Explained,
    call: {
      preparation: { rung, model },
      finishReason: "stop",
      isFormatValid: null,
      account: {
        ending: "complete",
        usage,
        certainty: "exact",
        prices: null,
        outputTokensMax: 4096,
        ...account,
      },
    } as unknown as OpenCall,
    startedAtMs: 1,
    endedAtMs: 2,
  };
}

it("tells the very propensities that chance drew with, whatever it drew", async () => {
  const drawn = new Set<string>();
  for (let step = 0; step < 100; step += 1) {
    const request = finished({
      policy: { exploreShare: 0.2, exploreRegretMax: 1 },
      chance: step / 100,
    });
    const { choice } = request.explained;
    const decision = decisionOf(request);
    const name = armName(choice.ladder[0].arm);
    drawn.add(name);
    const own = decision?.candidates.find(({ arm }) => arm === name);
    expect(own?.propensity).toBeCloseTo(choice.propensity, 12);
    const sum = decision?.candidates.reduce((total, { propensity }) => total + propensity, 0);
    expect(sum).toBeCloseTo(1, 12);
  }
  expect(drawn.size).toBeGreaterThan(1);
});

it("names no candidates where nothing was left to chance, or a budget's price had its say", async () => {
  expect(decisionOf(finished())?.candidates).toEqual([]);
  const explores = { policy: { exploreShare: 0.2, exploreRegretMax: 1 }, chance: 0.9 };
  expect(decisionOf(finished(explores))?.candidates).not.toEqual([]);
  const priced = decisionOf(finished({ ...explores, thrift: 1 }));
  expect(priced).toMatchObject({ candidates: [], propensity: 0.8 });
});

it("counts one of several answers, and no tokens that nobody knows", async () => {
  const several = decisionOf(finished({ ask: { n: 3 } }));
  expect(several?.signals).toMatchObject({ outputTokens: 100, capTokens: 1365 });
  const unknown = decisionOf(finished({ account: { certainty: "unknown" } }));
  expect(unknown?.signals).toMatchObject({ outputTokens: null, reasoningTokens: null });
});

it("takes off a score what the answer cost, at the price that the choice weighed with", async () => {
  const prices = {
    version: "1",
    inputNanosPerMtok: 0,
    cachedInputNanosPerMtok: 0,
    outputNanosPerMtok: 1_000_000_000,
  };
  const request = finished({ policy: { lambda: 0.5 }, account: { prices } });
  const { estimate } = request.explained.choice.ladder[0];
  const rate = (estimate.score - estimate.utility) / estimate.costNanos;
  expect(decisionOf(request)?.penalty).toBeCloseTo(rate * 300_000, 12);
});

it.each([
  ["learning is off", { policy: { learning: "off" } }],
  [
    "a tool's result came last",
    {
      ask: {
        messages: [
          { role: "user", content: TEXT },
          {
            role: "assistant",
            tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: "t", content: "7" },
        ],
      },
    },
  ],
  ["the client left", { account: { ending: "client-left" } }],
  ["the budget ended it", { account: { ending: "budget" } }],
] as const)("tells nothing where %s", async (_, changes) => {
  expect(decisionOf(finished(changes))).toBeNull();
});

it("holds no word of the question, and another tenant's hashes are others", async () => {
  const request = finished();
  const own = decisionOf(request);
  expect(JSON.stringify(own)).not.toMatch(/xylophone|coins|key-1|talk/);
  const { admission } = request;
  const others = decisionOf({
    ...request,
    admission: { ...admission, tenant: { ...admission.tenant, id: "bolt" } },
  });
  for (const field of ["questionHash", "conversationHash", "askerHash", "keyHash"] as const)
    expect(others?.[field]).not.toEqual(own?.[field]);
});
