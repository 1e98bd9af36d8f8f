// What providers are taken to have cached of a prompt, and what is learned when an answer says what it was.
import { describe, expect, it } from "vitest";
import { findModel, findUpstream, parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import type { EndedCall } from "../../../policies/placement/pool.ts";
import { Prompt } from "../../../worker/prompt.ts";
import { promptKeyOf } from "../../../worker/prompt-key.ts";
import { ProviderCaches, type ProviderMemory } from "../../../worker/provider-caches.ts";
import { askFor } from "./a-request.ts";

const TTL_MS = 300_000;
/** Ten thousand units, 39 whole blocks, about 2,500 tokens. */
const SYSTEM = "You answer questions about the rules of a library. ".repeat(200);
const say = (role: string, content: string) => ({ role, content });
const BEGUN = [say("system", SYSTEM), say("user", "When do you close? ".repeat(80))];
const GONE_ON = [...BEGUN, say("assistant", "At eight."), say("user", "And on Sundays?")];
const COUNTED: EndedCall = { inputTokens: 2900, cachedTokens: null, isFault: false };

function catalogWith(promptCache: object = {}): Catalog {
  const cache = { ttlMs: TTL_MS, minTokens: 1024, ...promptCache };
  const endpoint = { engine: "openai", baseUrl: "http://localhost:1/v1" };
  const parsed = parseCatalog({
    version: "1",
    upstreams: [
      { id: "provider", ...endpoint, promptCache: cache },
      { id: "other", ...endpoint, promptCache: cache },
      { id: "plain", ...endpoint },
    ],
    models: [
      { id: "large", upstream: "provider", name: "large-1" },
      { id: "small", upstream: "provider", name: "small-1" },
      { id: "elsewhere", upstream: "other", name: "large-1" },
      { id: "unknown", upstream: "plain", name: "plain-1" },
    ].map((model) => ({ ...model, contextTokens: 100_000, outputTokensMax: 1000 })),
  });
  if (parsed.kind === "faulty") throw new Error(JSON.stringify(parsed.faults));
  return parsed.value;
}

const promptOf = (messages: object[], tenantId = "acme", fields: object = {}) =>
  new Prompt(askFor({ messages, ...fields }), tenantId);

function begin(catalog = catalogWith(), memory: ProviderMemory = new Map()) {
  let nowMs = 0;
  const caches = new ProviderCaches(memory, () => nowMs);
  const expectOf = (model: string, prompt: Prompt) =>
    caches.expect([model], catalog, () => prompt)?.get(model) ?? null;
  const send = (model: string, prompt: Prompt, call: EndedCall = COUNTED) => {
    const found = findModel(catalog, model)!;
    const sent = caches.send(findUpstream(catalog, found.upstream)!, found, () => prompt);
    sent?.ended(call);
    return sent?.cachedTokens ?? null;
  };
  const later = (ms: number): void => {
    nowMs += ms;
  };
  return { caches, expectOf, send, later };
}

describe("of a conversation that goes on", () => {
  it("all that was sent to its model is expected in the cache, in whole blocks", () => {
    const { expectOf, send } = begin();
    send("large", promptOf(BEGUN));
    const { tokens, isWhole } = expectOf("large", promptOf(GONE_ON))!;
    const blocks = Math.floor(
      BEGUN.reduce((sum, one) => sum + JSON.stringify(one).length, 0) / 256,
    );
    expect(isWhole).toBe(true);
    expect(tokens / blocks).toBeCloseTo(64, 0);
  });

  it.each([
    ["another model of its provider", "small", GONE_ON, "acme"],
    ["the same model at another provider", "elsewhere", GONE_ON, "acme"],
    ["another tenant", "large", GONE_ON, "rival"],
    [
      "another first message",
      "large",
      [say("system", `${SYSTEM}!`.slice(1)), ...GONE_ON.slice(1)],
      "acme",
    ],
  ])("nothing is expected for %s", (_, model, messages, tenant) => {
    const { expectOf, send } = begin();
    send("large", promptOf(BEGUN));
    expect(expectOf(model, promptOf(messages, tenant))).toEqual({ tokens: 0, isWhole: false });
  });

  it("nothing is left when the cache's time has passed, and that is known", () => {
    const { expectOf, send, later } = begin();
    send("large", promptOf(BEGUN));
    later(TTL_MS - 1);
    expect(expectOf("large", promptOf(GONE_ON))!.tokens).toBeGreaterThan(2000);
    later(1);
    expect(expectOf("large", promptOf(GONE_ON))).toEqual({ tokens: 0, isWhole: true });
  });

  it("of which only the beginning was seen here, that is expected and the rest is not known", () => {
    const { expectOf, send } = begin();
    send("large", promptOf([BEGUN[0]!, say("user", "Hello there")]));
    const { tokens, isWhole } = expectOf("large", promptOf(GONE_ON))!;
    expect(tokens).toBeGreaterThan(2000);
    expect(isWhole).toBe(false);
  });

  it("whose tools changed has another beginning", () => {
    const { expectOf, send } = begin();
    const tools = [{ type: "function", function: { name: "clock" } }];
    send("large", promptOf(BEGUN, "acme", { tools }));
    expect(expectOf("large", promptOf(GONE_ON, "acme", { tools }))!.tokens).toBeGreaterThan(2000);
    expect(expectOf("large", promptOf(GONE_ON))!.tokens).toBe(0);
  });
});

describe("a prompt", () => {
  it("that is shorter than the provider caches is known to be cached nowhere", () => {
    const { expectOf, send } = begin();
    const short = promptOf([say("user", "What is 2 + 2?")]);
    send("large", short);
    expect(expectOf("large", short)).toEqual({ tokens: 0, isWhole: true });
  });

  it("is expected where another one began as it does", () => {
    const { expectOf, send } = begin();
    send("large", promptOf([BEGUN[0]!, say("user", "Hello there")]));
    const fresh = promptOf([BEGUN[0]!, say("user", "Something else, please")]);
    expect(expectOf("large", fresh)!.tokens).toBeGreaterThan(2000);
  });

  it.each<[string, EndedCall]>([
    ["whose upstream broke", { inputTokens: null, cachedTokens: null, isFault: true }],
    ["that was refused", { inputTokens: 0, cachedTokens: null, isFault: false }],
    ["of which nothing is known", { inputTokens: null, cachedTokens: null, isFault: null }],
  ])("%s is not taken to be cached", (_, call) => {
    const { expectOf, send } = begin();
    send("large", promptOf(BEGUN), call);
    expect(expectOf("large", promptOf(BEGUN))!.tokens).toBe(0);
  });

  it("is not read where the catalog declares no cache", () => {
    const { caches } = begin();
    const unread = (): never => {
      throw new Error("It was read.");
    };
    const catalog = catalogWith();
    const model = findModel(catalog, "unknown")!;
    expect(caches.expect(["unknown", "gone"], catalog, unread)).toBeNull();
    expect(caches.send(findUpstream(catalog, "plain")!, model, unread)).toBeNull();
  });
});

describe("what a provider reports", () => {
  it("lowers what is expected where its cache keeps less than it is taken to, for that tenant alone", () => {
    const { expectOf, send } = begin();
    for (const tenant of ["acme", "rival"]) send("large", promptOf(BEGUN, tenant));
    for (let i = 0; i < 100; i++) send("large", promptOf(BEGUN), { ...COUNTED, cachedTokens: 0 });
    expect(expectOf("large", promptOf(GONE_ON))!.tokens).toBeLessThan(300);
    expect(expectOf("large", promptOf(GONE_ON, "rival"))!.tokens).toBeGreaterThan(2000);
  });

  it("is no report where it said nothing of a cache", () => {
    const { expectOf, send } = begin();
    for (let i = 0; i < 100; i++) send("large", promptOf(BEGUN));
    expect(expectOf("large", promptOf(GONE_ON))!.tokens).toBeGreaterThan(2000);
  });

  it("of a prompt's tokens tells what a block is worth, for that tenant alone", () => {
    const { expectOf, send } = begin();
    send("large", promptOf(BEGUN, "rival"));
    for (let i = 0; i < 200; i++) send("large", promptOf(BEGUN), { ...COUNTED, inputTokens: 5800 });
    const [twice, once] = ["acme", "rival"].map(
      (tenant) => expectOf("large", promptOf(GONE_ON, tenant))!.tokens,
    );
    expect(twice! / once!).toBeGreaterThan(1.8);
  });
});

describe("memory", () => {
  it("begins anew when the catalog says otherwise of a cache", () => {
    const memory: ProviderMemory = new Map();
    begin(catalogWith(), memory).send("large", promptOf(BEGUN));
    const same = begin(catalogWith(), memory);
    expect(same.expectOf("large", promptOf(GONE_ON))!.tokens).toBeGreaterThan(2000);
    const other = begin(catalogWith({ ttlMs: 2 * TTL_MS }), memory);
    expect(other.expectOf("large", promptOf(GONE_ON))!.tokens).toBe(0);
  });

  it("holds sixteen models, and those that were used last", () => {
    const memory: ProviderMemory = new Map();
    const { caches } = begin(catalogWith(), memory);
    const [provider] = catalogWith().upstreams;
    const model = findModel(catalogWith(), "large")!;
    for (let i = 0; i < 40; i++)
      caches.send(provider!, { ...model, name: `model-${i}` }, () => promptOf(BEGUN));
    expect([...memory.keys()]).toEqual(
      Array.from({ length: 16 }, (_, i) => JSON.stringify(["provider", `model-${24 + i}`])),
    );
  });
});

describe("the name for a prompt", () => {
  const upstreamOf = (promptCache: object) => catalogWith(promptCache).upstreams[0]!;
  const sending = upstreamOf({ sendsKey: true });
  const nameOf = (messages: object[], tenant?: string) =>
    promptKeyOf(sending, () => promptOf(messages, tenant));

  it("is the same for every turn of a conversation, and for another that begins alike", () => {
    expect(nameOf(BEGUN)).toMatch(/^sluice-[0-9a-f]{16}$/);
    expect(nameOf(GONE_ON)).toBe(nameOf(BEGUN));
    expect(nameOf([BEGUN[0]!, say("user", "Hello there")])).toBe(nameOf(BEGUN));
  });

  it("is another for another tenant, another beginning and another upstream", () => {
    const names = [
      nameOf(BEGUN),
      nameOf(BEGUN, "rival"),
      nameOf([say("system", SYSTEM.slice(1)), BEGUN[1]!]),
      promptKeyOf({ ...sending, id: "other" }, () => promptOf(BEGUN)),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it("is none where the catalog does not say that it is taken, or the prompt has no whole block", () => {
    expect(promptKeyOf(upstreamOf({}), () => promptOf(BEGUN))).toBeNull();
    expect(nameOf([say("user", "Hi")])).toBeNull();
  });
});
