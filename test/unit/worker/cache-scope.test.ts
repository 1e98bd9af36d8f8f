// Who shares a prefix cache: a tenant with itself, narrower where a client or the pool says so, wider only where an operator
// declares a group, and nobody where the pool's secret is missing.
import { describe, expect, it } from "vitest";
import type { Upstream } from "../../../policies/catalog.ts";
import { prefixRoot } from "../../../policies/prefix/keyed-hash.ts";
import { cacheScopeOf } from "../../../worker/cache-scope.ts";
import { nameShared } from "../../../worker/cli/prefix-hash.ts";
import { members } from "../../../worker/stream/json-text.ts";

type Given = Parameters<typeof cacheScopeOf>;
type Pool = NonNullable<Upstream["pool"]>;

const SYSTEM =
  "You answer as the house does, in full sentences, and you say what you do not know. ".repeat(9);
const model = { name: "m" } as Parameters<
  NonNullable<Awaited<ReturnType<typeof cacheScopeOf>>>["rootOf"]
>[0];

function bodyOf(fields: object = {}, question = "Why?", system = SYSTEM): string {
  const messages = [
    { role: "system", content: system },
    { role: "user", content: question },
  ];
  return JSON.stringify({ model: "auto", messages, ...fields });
}

function asked(tenant: string, body = bodyOf(), session = "s1"): Given[1] {
  const ask = { wire: body, wireMembers: members(body) };
  return { tenant: { id: tenant }, session: { name: session }, ask } as unknown as Given[1];
}

const POOL_SECRET = "secret-of-a-pool-in-a-test-012345";
const secrets: Given[2] = (name) => (name === "POOL_SECRET" ? POOL_SECRET : null);

async function saltOf(pool: Partial<Pool> | null, given: Given[1], of = secrets): Promise<string> {
  const upstream =
    pool === null ? {} : { pool: { secret: "POOL_SECRET", epoch: 0, groups: [], ...pool } };
  return (await cacheScopeOf(upstream as Given[0], given, of))?.salt ?? "none";
}

const group = {
  name: "house",
  tenants: ["acme", "beta"],
  sharesWhole: true as const,
  ...nameShared(bodyOf())!,
};

describe("a salt", () => {
  it("is one word of 43 url-safe characters for all prompts of a tenant, with a pool and without", async () => {
    for (const pool of [{}, null]) {
      const salt = await saltOf(pool, asked("acme"));
      expect(salt).toMatch(/^[\w-]{43}$/);
      expect(await saltOf(pool, asked("acme", bodyOf({}, "How?"), "s2"))).toBe(salt);
      expect(await saltOf(pool, asked("beta"))).not.toBe(salt);
    }
  });

  it("is another one after the epoch or the secret changed, and of a pool than without one", async () => {
    const salts = [
      await saltOf({}, asked("acme")),
      await saltOf({ epoch: 1 }, asked("acme")),
      await saltOf({}, asked("acme"), () => "another-secret-in-a-test-0123456789"),
      await saltOf(null, asked("acme")),
    ];
    expect(new Set(salts).size).toBe(4);
  });

  it("is a session's own where the pool says so, and only there", async () => {
    const of = (scope: Pool["scope"], session: string) =>
      saltOf({ scope }, asked("acme", bodyOf(), session));
    expect(await of("session", "s1")).not.toBe(await of("session", "s2"));
    expect(await of("session", "s1")).toBe(await of("session", "s1"));
    expect(await of("tenant", "s1")).toBe(await of("tenant", "s2"));
  });

  it("is narrowed by a client's own word, and never that word or another tenant's", async () => {
    const plain = await saltOf({}, asked("acme"));
    const mine = await saltOf({}, asked("acme", bodyOf({ cache_salt: "mine" })));
    expect(mine).not.toBe(plain);
    expect(await saltOf({}, asked("acme", bodyOf({ cache_salt: "mine" })))).toBe(mine);
    expect(await saltOf({}, asked("beta", bodyOf({ cache_salt: "mine" })))).not.toBe(mine);
    // Who sends another's salt does not come to where it leads.
    expect(await saltOf({}, asked("beta", bodyOf({ cache_salt: plain })))).not.toBe(plain);
    for (const nothing of [null, ""])
      expect(await saltOf({}, asked("acme", bodyOf({ cache_salt: nothing })))).toBe(plain);
  });

  it("is none where the pool's secret is not set, or shorter than 32 characters", async () => {
    expect(await saltOf({}, asked("acme"), () => null)).toBe("none");
    expect(await saltOf({}, asked("acme"), () => "s".repeat(31))).toBe("none");
    expect(await saltOf({}, asked("acme"), () => "s".repeat(32))).not.toBe("none");
    expect(await saltOf(null, asked("acme"), () => null)).not.toBe("none");
  });
});

describe("a declared group", () => {
  const pool = { groups: [group] };

  it("shares prompts that begin with its prefix among its members, whatever they ask", async () => {
    const salt = await saltOf(pool, asked("acme"));
    expect(await saltOf(pool, asked("beta", bodyOf({}, "And how?")))).toBe(salt);
    expect(await saltOf({}, asked("acme"))).not.toBe(salt);
  });

  it("shares nothing with others, of other prompts, or against a member's own word", async () => {
    const salt = await saltOf(pool, asked("acme"));
    expect(await saltOf(pool, asked("gamma"))).not.toBe(salt);
    const other = bodyOf({}, "Why?", `${SYSTEM.slice(0, 100)}!${SYSTEM.slice(101)}`);
    expect(await saltOf(pool, asked("acme", other))).not.toBe(
      await saltOf(pool, asked("beta", other)),
    );
    expect(await saltOf(pool, asked("acme", bodyOf({ cache_salt: "mine" })))).not.toBe(salt);
    expect(await saltOf(pool, asked("acme", bodyOf({}, "Why?", "Short.")))).not.toBe(salt);
  });
});

it("roots of two salts, domains or revisions are never one", async () => {
  const rootOf = async (pool: Partial<Pool>, tenant: string, domain: "units256" | "tokens64") => {
    const upstream = { pool: { secret: "POOL_SECRET", epoch: 0, groups: [], ...pool } };
    const scope = await cacheScopeOf(upstream as unknown as Given[0], asked(tenant), secrets);
    return [...scope!.rootOf(model, domain)].join();
  };
  const roots = [
    await rootOf({}, "acme", "units256"),
    await rootOf({}, "acme", "tokens64"),
    await rootOf({}, "beta", "units256"),
    await rootOf({ revision: "r2" }, "acme", "units256"),
  ];
  expect(new Set(roots).size).toBe(4);
  expect(await rootOf({}, "acme", "units256")).toBe(roots[0]);
});

it("an adapter's prefixes are of the model that it adapts, and never that model's own or another adapter's", async () => {
  const upstream = { pool: { secret: "POOL_SECRET", epoch: 0, groups: [] } };
  const scope = (await cacheScopeOf(upstream as unknown as Given[0], asked("acme"), secrets))!;
  const rootOf = (fields: object): string =>
    [...scope.rootOf({ ...model, ...fields }, "tokens64")].join();
  const roots = [
    rootOf({}),
    rootOf({ name: "sql", adapterOf: "m" }),
    rootOf({ name: "law", adapterOf: "m" }),
  ];
  expect(new Set(roots).size).toBe(3);
  // As a relay makes it of what the engine says: the model, the adapter's name, the salt.
  const parts = {
    model: "m",
    revision: "",
    adapter: "sql",
    namespace: scope.salt,
    domain: "tokens64" as const,
  };
  const relays = prefixRoot(new TextEncoder().encode(POOL_SECRET), parts);
  expect(roots[1]).toBe([...relays].join());
});

it("a shared prefix is named in whole blocks, and what stands before the first user turn is all of it", () => {
  const named = nameShared(bodyOf())!;
  expect(named.prefixUnits % 256).toBe(0);
  expect(named.prefixUnits).toBeGreaterThan(256);
  expect(nameShared(bodyOf({}, "Something else?"))).toEqual(named);
  expect(nameShared(bodyOf({}, "Why?", "Short."))).toBeNull();
  expect(nameShared('{"messages":[{"role":"system","content":"x"}]}')).toBeNull();
});
