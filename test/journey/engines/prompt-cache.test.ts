// A provider whose prompt cache is declared: it is told which prompts begin alike, the choice reckons with what it is likely to
// hold, and a tenant learns how its prompts are laid out. All of it apart for each tenant.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Catalog } from "../../../policies/catalog.ts";
import { admin } from "../admin/admin-client.ts";
import { ask, readJson } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

const RIVAL = "sk-sluice-rival";
const TIMED = "sk-sluice-timed";
/** One answer in sixteen tells the tenant's object what was found: that none of these does happens once in 10^11. */
const TIMED_PROMPTS_MAX = 400;
/** The object is read once for so many. */
const TIMED_PROMPTS_BETWEEN = 10;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest({
    catalog: providerCatalog,
    policies: [
      {
        name: "provider",
        version: "1",
        modes: { short: "small", long: "large" },
        reuseHints: true,
        learning: "off",
      },
    ],
    tenants: [
      { id: "demo", name: "Demo", policy: "provider" },
      { id: "rival", name: "Rival", policy: "provider" },
      { id: "timed", name: "Timed", policy: "provider" },
    ],
    keys: [
      { secret: RIVAL, document: { id: "rival", tenant: "rival" } },
      { secret: TIMED, document: { id: "timed", tenant: "timed" } },
    ],
  });
});
afterAll(() => gateway.dispose());

interface Expected {
  readonly model: string;
  readonly expected_cached_tokens: number;
  readonly known: boolean;
}

interface Explained {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly sluice: {
    readonly prompt_cache: readonly Expected[] | null;
    readonly prompt_lint: readonly { readonly part_kind: string; readonly prompts: number }[];
    readonly reuse_hint: { readonly estimated: boolean } | null;
    readonly calls: readonly {
      readonly used: { readonly cached_tokens: number };
      readonly knobs: readonly { readonly knob: string; readonly fidelity: string }[];
    }[];
  };
}

const say = (role: string, content: string) => ({ role, content });
/** Some fifty blocks, another one for each topic. */
const system = (topic: string): string =>
  Array.from({ length: 300 }, (_, at) => `Rule ${at} is about ${topic}, as the others.`).join(" ");

async function send(messages: object[], fields: object = {}, secret = gateway.secret) {
  const body = { model: "auto:short", messages, ...fields };
  const response = await ask(gateway, body, { secret, headers: { "x-sluice-explain": "1" } });
  const told = await readJson<Explained>(response);
  expect(response.status, JSON.stringify(told)).toBe(200);
  const sent = gateway.simulator.requests.at(-1)!.json as { prompt_cache_key?: string };
  const expected = told.sluice.prompt_cache?.find(({ model }) => model === "small") ?? null;
  return { told, sent, expected, text: told.choices[0]!.message.content };
}

const knobOf = ({ sluice }: Explained) =>
  sluice.calls[0]!.knobs.find(({ knob }) => knob === "prompt-cache-key")?.fidelity;

describe("the name for a prompt", () => {
  test("is the same in two turns of a conversation, and another for another tenant or beginning", async () => {
    const messages = [say("system", system("rivers")), say("user", "Which rule is the first?")];
    const first = await send(messages);
    const following = [...messages, say("assistant", first.text), say("user", "And the second?")];
    const second = await send(following);
    expect(first.sent.prompt_cache_key).toMatch(/^sluice-[0-9a-f]{16}$/);
    expect(second.sent.prompt_cache_key).toBe(first.sent.prompt_cache_key);
    expect(knobOf(second.told)).toBe("approx");
    const rival = await send(messages, {}, RIVAL);
    const other = await send([say("system", `Be kind. ${system("rivers")}`), messages[1]!]);
    const keys = [first, rival, other].map(({ sent }) => sent.prompt_cache_key);
    expect(new Set(keys).size).toBe(3);
  });

  test("that a client sets itself goes as it is", async () => {
    const messages = [say("system", system("hills")), say("user", "Which rule is the first?")];
    const { sent, told } = await send(messages, { prompt_cache_key: "mine" });
    expect(sent.prompt_cache_key).toBe("mine");
    expect(knobOf(told)).toBe("off");
  });
});

describe("what the provider is expected to hold", () => {
  test("is what was sent there, which its own count bears out; nothing of a first prompt, nor of another tenant's", async () => {
    const messages = [say("system", system("lakes")), say("user", "Which rule is the first?")];
    const first = await send(messages);
    expect(first.expected).toEqual({ model: "small", expected_cached_tokens: 0, known: true });
    const following = [...messages, say("assistant", first.text), say("user", "And the second?")];
    const second = await send(following);
    const { used } = second.told.sluice.calls[0]!;
    expect(second.expected!.known).toBe(true);
    expect(second.expected!.expected_cached_tokens).toBeGreaterThan(0.8 * used.cached_tokens);
    expect(used.cached_tokens).toBeGreaterThan(1024);
    const rival = await send(following, {}, RIVAL);
    expect(rival.expected).toMatchObject({ expected_cached_tokens: 0, known: false });
  });
});

test("prompts that begin with the time are told of to their tenant and its operator, and to nobody else", async () => {
  const readOwn = () => admin(gateway, "GET /tenants/timed/prompts");
  let read = await readOwn();
  expect(read.body).toMatchObject({ data: [] });
  for (let i = 0; i < TIMED_PROMPTS_MAX; i++) {
    const time = new Date(1_795_000_000_000 + i * 3_660_000).toISOString();
    const content = `Now: ${time}. ${system("clocks")}`;
    await send([say("system", content), say("user", `Question ${i}?`)], {}, TIMED);
    if (i % TIMED_PROMPTS_BETWEEN !== 0) continue;
    read = await readOwn();
    if ((read.body as { readonly data: readonly object[] }).data.length > 0) break;
  }
  const probe = [say("user", "What is 2 + 2?")];
  const own = await send(probe, {}, TIMED);
  expect(own.told.sluice.prompt_lint[0]).toMatchObject({ part_kind: "time" });
  expect(own.told.sluice.reuse_hint).toBeNull();
  expect((await send(probe, {}, RIVAL)).told.sluice.prompt_lint).toEqual([]);
  expect(read.body).toMatchObject({
    object: "prompts",
    tenant: "timed",
    data: [{ model: "small", part_kind: "time", advice: expect.stringMatching(/date or time/) }],
  });
  expect((await admin(gateway, "GET /tenants/rival/prompts")).body).toMatchObject({ data: [] });
  expect((await admin(gateway, "GET /tenants/nobody/prompts")).status).toBe(404);
  expect(gateway.logged.join("\n")).not.toContain("about clocks");
});

function providerCatalog(seeded: Catalog, simulatorUrl: string): Catalog {
  const like = seeded.models[0];
  if (like === undefined) throw new Error("The seeded catalog has no model.");
  const endpoint = { engine: "openai", breaker: { failures: 5, windowMs: 1000, cooldownMs: 1000 } };
  return {
    ...seeded,
    upstreams: [
      ...seeded.upstreams,
      {
        ...endpoint,
        id: "provider",
        baseUrl: `${simulatorUrl}/as/openai/v1`,
        promptCache: { ttlMs: 300_000, minTokens: 1024, sendsKey: true },
      },
    ],
    models: [
      ...seeded.models.filter(({ id }) => id !== "small"),
      ...["small", "large"].map((id) => ({
        ...like,
        id,
        upstream: "provider",
        name: `sim-${id}`,
        contextTokens: 131_072,
        capabilities: ["stream-usage" as const],
      })),
    ],
  };
}
