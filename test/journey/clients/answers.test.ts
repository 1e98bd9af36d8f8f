// What every answer says of itself, read with plain fetch: its headers, its limits, and on request why it was chosen.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, readEvents, readJson, turn, type UsageFields } from "../support/chat.ts";
import { startGatewayUnderTest, type GatewayUnderTest } from "../support/gateway-under-test.ts";

interface Explanation {
  readonly request_id: string;
  readonly policy: { readonly name: string; readonly version: string };
  readonly features: { readonly difficulty: number; readonly kind: string };
  readonly choice: {
    readonly ladder: readonly {
      readonly arm: string;
      readonly reason: string;
      readonly because: string;
    }[];
    readonly weighed: readonly { readonly arm: string; readonly expected_cost_nanos: number }[];
  };
  readonly calls: readonly {
    readonly arm: string;
    readonly held: { readonly tokens: number };
    readonly used: { readonly input_tokens: number; readonly output_tokens: number } | null;
    readonly certainty: string | null;
    readonly ending: string | null;
  }[];
}

interface Answer {
  readonly usage: UsageFields;
  readonly sluice?: Explanation;
}

const LIMIT_TOKENS = 2_000_000;
const LIMIT_REQUESTS = 10_000;

let gateway: GatewayUnderTest;
beforeAll(async () => {
  gateway = await startGatewayUnderTest();
});
afterAll(() => gateway.dispose());

describe.each([{ stream: false }, { stream: true }])(
  "an answer with stream: $stream",
  ({ stream }) => {
    test("carries its choice, its hold and its limits in headers", async () => {
      const response = await ask(gateway, turn("What is the capital of Peru?", { stream }));
      const held = Number(response.headers.get("x-sluice-held"));

      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toMatch(
        stream ? /^text\/event-stream/ : /^application\/json/,
      );
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(response.headers.get("x-sluice-mode")).toMatch(/^(direct|short|code|long)$/);
      expect(response.headers.get("x-sluice-model")).toMatch(/^(small|mid|coder|deep)$/);
      expect(Number(response.headers.get("x-sluice-difficulty"))).toBeGreaterThanOrEqual(0);
      expect(Number(response.headers.get("x-sluice-difficulty"))).toBeLessThanOrEqual(1);
      expect(response.headers.get("x-sluice-reason")).toMatch(/^(utility|low-confidence)$/);
      expect(response.headers.get("x-sluice-policy-version")).toBe("balanced@seed-1");
      expect(held).toBeGreaterThan(0);
      expect(response.headers.get("x-ratelimit-limit-tokens")).toBe(String(LIMIT_TOKENS));
      expect(response.headers.get("x-ratelimit-limit-requests")).toBe(String(LIMIT_REQUESTS));
      expect(Number(response.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThanOrEqual(
        LIMIT_TOKENS - held,
      );
      expect(response.headers.get("x-ratelimit-reset-tokens")).toMatch(/^(\d+h)?(\d+m)?\d+m?s$/);
      expect(response.headers.get("x-ratelimit-reset-requests")).toMatch(/^(\d+h)?(\d+m)?\d+m?s$/);
      await response.text();
    });

    test("leaves less of every limit than the one before", async () => {
      const remaining = async (): Promise<readonly number[]> => {
        const response = await ask(gateway, turn("Name a river in Spain.", { stream }));
        await response.text();
        await gateway.untilSettled("demo");
        return ["tokens", "requests"].map((dimension) =>
          Number(response.headers.get(`x-ratelimit-remaining-${dimension}`)),
        );
      };
      const [tokensBefore = 0, requestsBefore = 0] = await remaining();
      const [tokensAfter = 0, requestsAfter = 0] = await remaining();

      expect(tokensAfter).toBeLessThan(tokensBefore);
      expect(requestsAfter).toBe(requestsBefore - 1);
    });
  },
);

test("without being asked an answer holds no explanation", async () => {
  const whole = await readJson<Answer>(await ask(gateway, turn("What is the capital of Peru?")));
  const events = await readEvents(
    await ask(gateway, turn("What is the capital of Peru?", { stream: true })),
  );

  expect(whole.sluice).toBeUndefined();
  expect(events.filter((data) => data.includes('"sluice"'))).toEqual([]);
});

test("an explained answer says in its body what was chosen, why, and what it cost", async () => {
  const response = await ask(gateway, turn("What is the capital of Peru?"), {
    headers: { "x-sluice-explain": "1" },
  });
  const { usage, sluice } = await readJson<Answer>(response);

  expectExplained(sluice, response, usage);
});

test("an explained stream says it in its last chunk, before [DONE]", async () => {
  const response = await ask(
    gateway,
    turn("What is the capital of Peru?", { stream: true, stream_options: { include_usage: true } }),
    { headers: { "x-sluice-explain": "1" } },
  );
  const events = await readEvents(response);
  const chunks = events
    .slice(0, -1)
    .map((data) => JSON.parse(data) as Answer & { choices: readonly unknown[] });
  const explained = chunks.filter(({ sluice }) => sluice !== undefined);
  const usages = chunks.flatMap(({ usage }) => usage ?? []);

  expect(events.at(-1)).toBe("[DONE]");
  expect(explained).toHaveLength(1);
  expect(explained[0]).toBe(chunks.at(-1));
  expect(explained[0]?.choices).toEqual([]);
  expect(usages).toHaveLength(1);
  expectExplained(explained[0]?.sluice, response, usages[0]!);
});

test("what a stream's explanation counts is what the ledger posts", async () => {
  const response = await ask(gateway, turn("What is the capital of Chile?", { stream: true }), {
    headers: { "x-sluice-explain": "1" },
  });
  const last = JSON.parse((await readEvents(response)).at(-2) ?? "") as Answer;
  await gateway.untilSettled("demo");
  const rows = await gateway.ledgerJournal("demo");
  const settled = rows.find(
    ({ op, requestId }) => op === "settle" && requestId === response.headers.get("x-request-id"),
  );

  expect(settled?.certainty).toBe("exact");
  expect(settled?.ending).toBe("complete");
  expect(last.sluice?.calls[0]?.used).toMatchObject({
    input_tokens: settled?.usage.inputTokens,
    output_tokens: settled?.usage.outputTokens,
  });
});

function expectExplained(
  explanation: Explanation | undefined,
  response: Response,
  usage: UsageFields,
): void {
  const mode = response.headers.get("x-sluice-mode");
  const model = response.headers.get("x-sluice-model");
  const [first] = explanation?.choice.ladder ?? [];
  const [call] = explanation?.calls ?? [];

  expect(explanation?.request_id).toBe(response.headers.get("x-request-id"));
  expect(explanation?.policy).toEqual({ name: "balanced", version: "seed-1" });
  expect(explanation?.features.difficulty.toFixed(3)).toBe(
    response.headers.get("x-sluice-difficulty"),
  );
  expect(first?.arm).toBe(`${model}/${mode}`);
  expect(first?.reason).toBe(response.headers.get("x-sluice-reason"));
  expect(first?.because).toMatch(/\.$/);
  // What it would have cost otherwise: every mode was weighed.
  expect(explanation?.choice.weighed).toHaveLength(4);
  expect(explanation?.calls).toHaveLength(1);
  expect(call?.held.tokens).toBe(Number(response.headers.get("x-sluice-held")));
  expect(call?.used).toMatchObject({
    input_tokens: usage.prompt_tokens,
    output_tokens: usage.completion_tokens,
  });
  expect(call?.certainty).toBe("exact");
  expect(call?.ending).toBe("complete");
}
