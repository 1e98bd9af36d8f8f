// A pool: conversations stay where their prefix is, tenants never meet, and replicas may die, start anew and fill up
// without a request that is stuck.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ask, readError, turn } from "../support/chat.ts";
import {
  OTHER_TENANT,
  POOL_ID,
  startPooledGateway,
  type Message,
  type PooledGateway,
} from "../support/pooled-gateway.ts";

/** Some forty blocks, another one for each topic. */
function longText(topic: string): string {
  return Array.from(
    { length: 200 },
    (_, at) => `Sentence ${at} is about ${topic}, as the others.`,
  ).join(" ");
}

function opening(topic: string): Message[] {
  return [
    { role: "system", content: longText(topic) },
    { role: "user", content: `What is ${topic}?` },
  ];
}

describe("three replicas", () => {
  let pooled: PooledGateway;
  beforeAll(async () => {
    pooled = await startPooledGateway(3);
  });
  afterAll(() => pooled.dispose());

  test("turns of a conversation go where its prefix is cached, and the engine's own count bears the prediction out", async () => {
    const messages = opening("rivers");
    const first = await pooled.say(messages);
    expect(first).toMatchObject({ status: 200, cachedTokens: 0, predictedTokens: 0 });
    const second = await pooled.say([
      ...messages,
      { role: "assistant", content: first.text },
      { role: "user", content: "And how long is one?" },
    ]);
    expect(second.replica).toBe(first.replica);
    expect(second.cachedTokens).toBeGreaterThan(0.8 * first.promptTokens);
    expect(second.predictedTokens).toBeGreaterThan(0.5 * second.cachedTokens);
  });

  test("new prompts go to replicas that have less to keep, not all to one", async () => {
    for (const topic of ["sand", "snow", "salt", "soot", "silk", "soap"])
      await pooled.say(opening(topic));
    for (const count of pooled.counts()) expect(count).toBeGreaterThan(0);
  });

  test("a client's own salt parts its prompts from its tenant's, and is no way into another's", async () => {
    const messages = opening("lakes");
    await pooled.say(messages);
    const apart = await pooled.say(messages, { fields: { cache_salt: "mine" } });
    expect(apart).toMatchObject({ status: 200, cachedTokens: 0, predictedTokens: 0 });
    const again = await pooled.say(messages, { fields: { cache_salt: "mine" } });
    expect(again.cachedTokens).toBeGreaterThan(0);
    const foreign = await pooled.say(messages, {
      secret: OTHER_TENANT.secret,
      fields: { cache_salt: "mine" },
    });
    expect(foreign.cachedTokens).toBe(0);
    // What reaches an engine is the gateway's word, 43 characters of base64url, and never a client's.
    const salts = pooled.replicas.flatMap(({ simulator }) =>
      simulator.requests.map(({ json }) => (json as { cache_salt?: string }).cache_salt),
    );
    for (const salt of salts) expect(salt).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test("nothing that a client gets names a replica or a prediction", async () => {
    const response = await ask(pooled.gateway, turn("Hello?"), {
      headers: { "x-sluice-explain": "1" },
    });
    const said = `${JSON.stringify([...response.headers])} ${await response.text()}`;
    expect(said).not.toMatch(/replica|predicted|"r[0-2]"/);
  });
});

test("on the one replica that has it, another tenant's equal prompt finds nothing, in the index or at the engine", async () => {
  const pooled = await startPooledGateway(1);
  try {
    const messages = opening("bridges");
    await pooled.say(messages);
    const own = await pooled.say(messages);
    expect(own.cachedTokens).toBeGreaterThan(0);
    expect(own.predictedTokens).toBeGreaterThan(0);
    const { secret } = OTHER_TENANT;
    const foreign = await pooled.say(messages, { secret });
    expect(foreign).toMatchObject({ status: 200, cachedTokens: 0, predictedTokens: 0 });
    const again = await pooled.say(messages, { secret });
    expect(again.cachedTokens).toBe(own.cachedTokens);
  } finally {
    await pooled.dispose();
  }
});

describe("a replica that dies", () => {
  let pooled: PooledGateway;
  beforeAll(async () => {
    pooled = await startPooledGateway(3);
  });
  afterAll(() => pooled.dispose());

  test("costs nobody an answer, gets no more, and is asked again when it is back", async () => {
    const messages = opening("storms");
    const first = await pooled.say(messages);
    const dead = pooled.replicas.find(({ id }) => id === first.replica)!;
    await dead.kill();
    for (let at = 0; at < 4; at += 1) {
      const after = await pooled.say(messages);
      expect(after.status).toBe(200);
      expect(after.replica).not.toBe(dead.id);
    }
    await dead.restart();
    // It is tried again after its cooldown; the others' conversations stay where they are.
    for (let tries = 0; tries < 400 && dead.simulator.requests.length === 0; tries += 1) {
      expect((await pooled.say(opening(`hail ${tries}`))).status).toBe(200);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(dead.simulator.requests.length).toBeGreaterThan(0);
  });

  test("all of them dead is 503 with a time to come again, and the hold goes back", async () => {
    await Promise.all(pooled.replicas.map((replica) => replica.kill()));
    for (let at = 0; at < 3; at += 1) await pooled.say(opening("floods"));
    const response = await ask(pooled.gateway, turn("Is anybody there?"));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await readError(response)).code).toBe("upstream_unavailable");
    expect((await pooled.gateway.untilSettled("demo")).openHolds).toBe(0);
  });
});

describe("a replica that has become slow", () => {
  test("is found out by how long its answers take, and gets less than the others", async () => {
    const settings = { prefillMsPerToken: 0.02, queuesPrefill: true };
    const pooled = await startPooledGateway(3, {}, { settings });
    try {
      const [slow, ...others] = pooled.replicas;
      slow!.slow(20);
      const topics = Array.from({ length: 60 }, (_, at) => `topic ${at}`);
      await Promise.all(
        Array.from({ length: 4 }, async () => {
          for (let topic = topics.pop(); topic !== undefined; topic = topics.pop())
            expect((await pooled.say(opening(topic))).status).toBe(200);
        }),
      );
      const counts = new Map(pooled.replicas.map(({ id }, at) => [id, pooled.counts()[at]!]));
      for (const { id } of others) expect(counts.get(slow!.id)!).toBeLessThan(counts.get(id)! / 2);
    } finally {
      await pooled.dispose();
    }
  });
});

test("a stream's first token ends its reading in the index, also when it comes after the gate", async () => {
  const pooled = await startPooledGateway(
    1,
    {},
    { settings: { firstByteMs: 300, decodeMsPerToken: 400, chunkTokens: 1 } },
    { policies: [{ name: "balanced", version: "g", modes: { short: "small" }, gateMs: 100 }] },
  );
  try {
    const response = await ask(pooled.gateway, {
      model: "auto:short",
      messages: opening("clouds"),
      stream: true,
    });
    const reader = response.body!.getReader();
    for (let text = ""; !/"content":"[^"]/.test(text);) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`It ended before a token: ${text}`);
      text += new TextDecoder().decode(value);
    }
    await vi.waitFor(
      async () => {
        const report = (await (
          await fetch(`${pooled.gateway.url}/admin/v1/pools/${POOL_ID}`, {
            headers: { authorization: `Bearer ${pooled.gateway.adminSecret}` },
          })
        ).json()) as { calls: number; replicas: { queued_seconds: number }[] };

        expect(report.calls).toBe(1);
        expect(report.replicas[0]!.queued_seconds).toBe(0);
      },
      { timeout: 5_000, interval: 20 },
    );
    await reader.cancel();
  } finally {
    await pooled.dispose();
  }
});

describe("a pool with one slot", () => {
  const settings = { prefillMsPerToken: 0, decodeMsPerToken: 5, firstByteMs: 100 };

  test("answers those who wait one after the other", async () => {
    const pooled = await startPooledGateway(
      2,
      { concurrencyMax: 1, waitMsMax: 30_000 },
      { settings },
    );
    try {
      const said = await Promise.all(
        ["one", "two", "three", "four"].map((topic) => pooled.say(opening(topic))),
      );
      expect(said.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    } finally {
      await pooled.dispose();
    }
  });

  test("refuses with 503 who would wait longer than it lets, and holds nothing for them", async () => {
    const pooled = await startPooledGateway(2, { concurrencyMax: 1, waitMsMax: 0 }, { settings });
    try {
      const all = await Promise.all(
        ["one", "two", "three", "four"].map((topic) =>
          ask(pooled.gateway, { model: "auto:direct", messages: opening(topic) }),
        ),
      );
      const statuses = all.map(({ status }) => status).toSorted((a, b) => a - b);
      expect(statuses[0]).toBe(200);
      expect(statuses.at(-1)).toBe(503);
      for (const response of all) {
        if (response.status === 200) continue;
        expect((await readError(response)).code).toBe("upstream_full");
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      }
      await pooled.gateway.untilSettled("demo");
    } finally {
      await pooled.dispose();
    }
  });
});

test.each([
  ["is declared to order its own queue gets a number, and never a client's", true],
  ["is not declared to gets none", false],
])("an engine that %s", async (_, isDeclared) => {
  const capabilities = isDeclared ? (["queue-priority"] as const) : [];
  const pooled = await startPooledGateway(1, { order: "shortest-uncached" }, {}, {}, capabilities);
  try {
    expect((await pooled.say(opening("tides"), { fields: { priority: -7 } })).status).toBe(200);
    const [sent] = pooled.replicas[0]!.simulator.requests;
    const { priority } = sent!.json as { priority?: number };
    if (isDeclared) expect(priority).toBeGreaterThan(0);
    else expect(priority).toBeUndefined();
  } finally {
    await pooled.dispose();
  }
});

test("a pool whose engine takes no salt answers nobody, unless that is said to be known", async () => {
  for (const [unsalted, status] of [
    [false, 503],
    [true, 200],
  ] as const) {
    const pooled = await startPooledGateway(1, { unsalted }, {}, {}, [], "llama.cpp");
    try {
      expect((await pooled.say(opening("dunes"))).status).toBe(status);
      expect(pooled.counts()).toEqual([status === 200 ? 1 : 0]);
    } finally {
      await pooled.dispose();
    }
  }
});

test("a pool whose secret is not set answers nobody, since its tenants could not be kept apart", async () => {
  const pooled = await startPooledGateway(1, {}, {}, { secrets: {} });
  try {
    const response = await ask(pooled.gateway, turn("Hello?"));
    expect(response.status).toBe(503);
    expect((await readError(response)).code).toBe("not_configured");
    expect(pooled.counts()).toEqual([0]);
  } finally {
    await pooled.dispose();
  }
});
