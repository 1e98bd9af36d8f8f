// The gateway in front of a pool: several simulated engines of one model, each a server of its own, as one upstream whose
// prefix index says which of them a call goes to.
import type { Model } from "../../../policies/catalog.ts";
import { startReplicas, type Replica, type ReplicaOptions } from "../../simulator/replicas.ts";
import { noLatency } from "../../simulator/settings.ts";
import { ask, readJson } from "./chat.ts";
import {
  startGatewayUnderTest,
  type GatewayUnderTest,
  type Surroundings,
} from "./gateway-under-test.ts";

export const POOL_ID = "pool";
export const OTHER_TENANT = { id: "other", secret: "sk-sluice-other-tenant" };
export const POOL_SECRET = "secret-of-a-pool-in-a-journey-012345";

export interface PooledGateway {
  readonly gateway: GatewayUnderTest;
  readonly replicas: readonly Replica[];
  /** Requests that each replica has answered or begun, in their order, since it started. */
  counts(): readonly number[];
  /** One question of a conversation; what the engine said that it took from its cache, and where it ran. */
  say(messages: readonly Message[], options?: SayOptions): Promise<Said>;
  dispose(): Promise<void>;
}

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface SayOptions {
  readonly secret?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface Said {
  readonly status: number;
  readonly text: string;
  readonly cachedTokens: number;
  readonly promptTokens: number;
  /** As the gateway's log says it. */
  readonly replica: string | null;
  readonly predictedTokens: number | null;
}

interface Logged {
  readonly event: string;
  readonly requestId: string;
  readonly replica: string | null;
  readonly predictedCachedTokens: number | null;
}

export async function startPooledGateway(
  count: number,
  pool: Readonly<Record<string, unknown>> = {},
  options: ReplicaOptions = {},
  surroundings: Surroundings = {},
  /** What each model is declared to have besides. */
  capabilities: readonly Model["capabilities"][number][] = [],
  engine = "vllm",
): Promise<PooledGateway> {
  const started = await startReplicas(count, {
    ...options,
    settings: { ...noLatency, ...options.settings },
  });
  const { replicas } = started;
  const gateway = await startGatewayUnderTest({
    secrets: { POOL_SECRET },
    ...surroundings,
    catalog: (seeded) => ({
      ...seeded,
      upstreams: [
        ...seeded.upstreams,
        {
          id: POOL_ID,
          engine,
          baseUrl: `${replicas[0]!.url}/v1`,
          breaker: { failures: 1, windowMs: 30_000, cooldownMs: 300 },
          pool: {
            secret: "POOL_SECRET",
            replicas: replicas.map(({ id, url }) => ({
              id,
              baseUrl: `${url}/v1`,
              capacityTokens: 2_000_000,
              prefillTokensPerSecond: 10_000,
            })),
            ...pool,
          },
        } as never,
      ],
      models: seeded.models.map((model) => ({
        ...model,
        upstream: POOL_ID,
        capabilities: [...model.capabilities, ...capabilities],
      })),
    }),
    tenants: [
      { id: OTHER_TENANT.id, name: "Other", policy: "balanced" },
      ...(surroundings.tenants ?? []),
    ],
    keys: [
      { secret: OTHER_TENANT.secret, document: { id: "other", tenant: OTHER_TENANT.id } },
      ...(surroundings.keys ?? []),
    ],
  });
  return {
    gateway,
    replicas,
    counts: () => replicas.map(({ simulator }) => simulator.requests.length),
    say: (messages, given) => say(gateway, messages, given),
    async dispose() {
      await gateway.dispose();
      await started.close();
    },
  };
}

async function say(
  gateway: GatewayUnderTest,
  messages: readonly Message[],
  { secret, headers, fields }: SayOptions = {},
): Promise<Said> {
  const response = await ask(
    gateway,
    { model: "auto:direct", messages, ...fields },
    { ...(secret === undefined ? {} : { secret }), ...(headers === undefined ? {} : { headers }) },
  );
  const requestId = response.headers.get("x-request-id") ?? "";
  const body = await readJson<{
    choices?: { message: { content: string } }[];
    usage?: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  }>(response);
  const logged = await lineOf(gateway, requestId);
  return {
    status: response.status,
    text: body.choices?.[0]?.message.content ?? "",
    cachedTokens: body.usage?.prompt_tokens_details.cached_tokens ?? 0,
    promptTokens: body.usage?.prompt_tokens ?? 0,
    replica: logged.replica,
    predictedTokens: logged.predictedCachedTokens,
  };
}

/** The log is written a moment after the answer. */
async function lineOf(gateway: GatewayUnderTest, requestId: string): Promise<Logged> {
  for (let tries = 0; tries < 500; tries += 1) {
    for (const line of gateway.logged.toReversed()) {
      if (!line.includes(requestId) || !line.startsWith("{")) continue;
      const logged = JSON.parse(line) as Logged;
      if (logged.event === "request" && logged.requestId === requestId) return logged;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Nothing was logged of ${requestId}.`);
}
