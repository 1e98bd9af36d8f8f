// Where a call goes when all is well is the index's to say; here: what is asked of it, and what happens when it cannot be
// asked, comes late, or the client has left meanwhile.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Upstream } from "../../../policies/catalog.ts";
import {
  EXPIRES_MS_MAX,
  type EndedCall,
  type PlaceAnswer,
  type PlaceRequest,
} from "../../../policies/placement/pool.ts";
import { cacheScopeOf } from "../../../worker/cache-scope.ts";
import { place, type PlaceQuery } from "../../../worker/place.ts";
import type { PoolPort } from "../../../worker/ports.ts";
import { Patience } from "../../../worker/stream/patience.ts";

const IDS = ["a", "b", "c", "d"];
const replicas = IDS.map((id) => ({
  id,
  baseUrl: `https://${id}.example/v1`,
  capacityTokens: 1_000_000,
  prefillTokensPerSecond: 10_000,
}));
const breaker = { failures: 5, windowMs: 30_000, cooldownMs: 10_000 };
const pool = {
  secret: "POOL_SECRET",
  replicas,
  scope: "tenant" as const,
  epoch: 0,
  order: "arrival" as const,
  waitMsMax: 10_000,
  tokenizes: false,
  unsalted: false,
  groups: [],
};
const upstream: Upstream = { id: "up", engine: "vllm", baseUrl: "https://up.example/v1", breaker };
const pooled: Upstream = { ...upstream, pool };
const model = { name: "m" } as PlaceQuery["model"];

afterEach(() => {
  vi.restoreAllMocks();
});

function bodyOf(text: string): string {
  return JSON.stringify({ model: "m", messages: [{ role: "user", content: text.repeat(200) }] });
}

async function queryOf(changes: Partial<PlaceQuery> = {}): Promise<PlaceQuery> {
  const admission = {
    tenant: { id: "acme" },
    session: { name: "s" },
    ask: { wire: "{}", wireMembers: [] },
  } as unknown as Parameters<typeof cacheScopeOf>[1];
  const scope = (await cacheScopeOf(pooled, admission, () => "secret-of-a-pool-in-a-test-012345"))!;
  return {
    callId: "r:1",
    tenantId: "acme",
    upstream: pooled,
    model,
    scope,
    body: bodyOf("What of it? "),
    inputTokens: 800,
    deadlineMs: 60_000,
    avoid: [],
    ...changes,
  };
}

/** An index that answers so, and what it was asked and told. */
function indexOf(answer: (request: PlaceRequest) => Promise<PlaceAnswer>) {
  const asked: PlaceRequest[] = [];
  const ended: EndedCall[] = [];
  const port = {
    place: (_: unknown, request: PlaceRequest) => {
      asked.push(request);
      return answer(request);
    },
    ended: async (_: string, call: EndedCall) => {
      ended.push(call);
    },
    firstToken: async () => undefined,
  } as unknown as PoolPort;
  const finishing: Promise<unknown>[] = [];
  return {
    asked,
    ended,
    deps: { poolOf: () => port, finish: (work: Promise<unknown>) => void finishing.push(work) },
  };
}

const placed: PlaceAnswer = {
  kind: "placed",
  replica: "b",
  matchedBlocks: 2,
  cachedTokens: 128,
  waitedMs: 0,
};
const away = async (): Promise<PlaceAnswer> => {
  throw new Error("the object is overloaded");
};

describe("an upstream without a pool", () => {
  it("is its one address, and no index is asked", async () => {
    const index = indexOf(async () => placed);
    const found = await place(await queryOf({ upstream }), index.deps, new Patience());
    expect(found).toMatchObject({ kind: "placed", baseUrl: upstream.baseUrl, replica: null });
    expect(index.asked).toEqual([]);
  });
});

describe("a pool", () => {
  it("goes where the index says, which gets keys and no text", async () => {
    const index = indexOf(async () => placed);
    const found = await place(await queryOf(), index.deps, new Patience());
    expect(found).toMatchObject({
      baseUrl: "https://b.example/v1",
      replica: "b",
      cachedTokens: 128,
    });
    const [request] = index.asked;
    expect(request!.blocks.length).toBeGreaterThan(5);
    expect(JSON.stringify({ ...request, blocks: [...request!.blocks] })).not.toContain("What");
    // Without a cap there is no line to stand in.
    expect(request!.waitMsMax).toBe(0);
  });

  it("has the same keys for a prompt that goes on, and others where its beginning differs", async () => {
    const index = indexOf(async () => placed);
    for (const body of [
      bodyOf("What of it? "),
      bodyOf("What of it? ").replace("]}", ',{"role":"user","content":"More."}]}'),
      bodyOf("Who did it? "),
    ])
      await place(await queryOf({ body }), index.deps, new Patience());
    const [first, longer, other] = index.asked.map(({ blocks }) => [...blocks]);
    expect(longer!.slice(0, first!.length)).toEqual(first);
    expect(other!.filter((key) => first!.includes(key))).toEqual([]);
  });

  it("that names a replica which this caller's catalog has not is as good as silent, and hears of it", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const index = indexOf(async () => ({ ...placed, replica: "z" }));
    const found = await place(await queryOf(), index.deps, new Patience());
    expect(IDS).toContain(found.kind === "placed" ? found.replica : null);
    expect(index.ended).toHaveLength(1);
  });

  it("is asked for no longer than it remembers a call, however long a deadline is", async () => {
    const index = indexOf(async () => placed);
    await place(await queryOf({ deadlineMs: 3_600_000 }), index.deps, new Patience());
    expect(index.asked[0]!.expiresInMs).toBe(EXPIRES_MS_MAX);
  });

  it("has no more blocks for white space between the members of a message", async () => {
    const index = indexOf(async () => placed);
    const body = bodyOf("What of it? ");
    const spaced = body.replace('"role"', `${" ".repeat(100_000)}"role"`);
    for (const each of [body, spaced])
      await place(await queryOf({ body: each }), index.deps, new Patience());
    const [plain, wide] = index.asked.map(({ blocks }) => [...blocks]);
    expect(wide).toEqual(plain);
  });

  it.each(["full", "none-up"] as const)("that is %s says when to come again", async (kind) => {
    const index = indexOf(async () => ({ kind, retryAfterMs: 700 }));
    expect(await place(await queryOf(), index.deps, new Patience())).toEqual({
      kind,
      retryAfterMs: 700,
    });
    expect(index.ended).toEqual([]);
  });

  it("gives up its place for a client that left while it waited", async () => {
    const leaving = new AbortController();
    const index = indexOf(() => new Promise(() => undefined));
    const placing = place(await queryOf(), index.deps, new Patience(leaving.signal));
    leaving.abort();
    expect(await placing).toEqual({ kind: "client-left" });
    expect(index.ended).toHaveLength(1);
  });
});

describe("an index that cannot be asked", () => {
  /** What an isolate knows of a pool once its index has answered there. */
  beforeEach(async () => {
    await place(await queryOf(), indexOf(async () => placed).deps, new Patience());
  });

  it("sends nobody anywhere while nothing is known of the pool, which may share caches between tenants", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const query = await queryOf({ upstream: { ...pooled, id: "never-heard-of" } });
    const found = await place(query, indexOf(away).deps, new Patience());
    expect(found).toMatchObject({ kind: "none-up" });
  });

  it("leaves each conversation where it is, and spreads them over all replicas", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const index = indexOf(away);
    const seen = new Map<string, number>();
    for (let at = 0; at < 40; at += 1) {
      const query = await queryOf({ body: bodyOf(`Question ${at}. `) });
      const found = await place(query, index.deps, new Patience());
      const again = await place({ ...query, callId: "r:2" }, index.deps, new Patience());
      if (found.kind !== "placed" || again.kind !== "placed") throw new Error("not placed");
      expect(again.replica).toBe(found.replica);
      expect(found.cachedTokens).toBeNull();
      seen.set(found.replica!, (seen.get(found.replica!) ?? 0) + 1);
    }
    expect([...seen.keys()].toSorted()).toEqual(IDS);
  });

  it("sends nobody where this request has failed, until it has failed everywhere", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const index = indexOf(away);
    for (const avoid of [["a"], ["a", "b", "c"]]) {
      const found = await place(await queryOf({ avoid }), index.deps, new Patience());
      expect(avoid).not.toContain(found.kind === "placed" ? found.replica : null);
    }
    const found = await place(await queryOf({ avoid: IDS }), index.deps, new Patience());
    expect(found.kind).toBe("placed");
  });

  it("sends nobody to a replica that it said shares caches, and nobody anywhere when all do", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const other = { ...pooled, id: "found-shared" };
    for (const shared of [["b", "c"], IDS]) {
      const well = indexOf(async () => ({ ...placed, replica: "a", shared }));
      await place(await queryOf({ upstream: other }), well.deps, new Patience());
      for (let at = 0; at < 20; at += 1) {
        const query = await queryOf({ upstream: other, body: bodyOf(`Question ${at}. `) });
        const found = await place(query, indexOf(away).deps, new Patience());
        if (shared.length === IDS.length) expect(found.kind).toBe("none-up");
        else expect(shared).not.toContain(found.kind === "placed" ? found.replica : "b");
      }
    }
    // And to any of them again once it was found that they do not.
    await place(
      await queryOf({ upstream: other }),
      indexOf(async () => placed).deps,
      new Patience(),
    );
    const found = await place(
      await queryOf({ upstream: other }),
      indexOf(away).deps,
      new Patience(),
    );
    expect(found.kind).toBe("placed");
  });

  it("is logged without a key of the prompt, and told that the call is over in case it heard", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
    const index = indexOf(away);
    await place(await queryOf(), index.deps, new Patience());
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toEqual({
      event: "prefix-index-unreachable",
      pool: "up",
      problem: "Error: the object is overloaded",
    });
    expect(index.ended).toEqual([{ inputTokens: null, cachedTokens: null, isFault: null }]);
  });
});
