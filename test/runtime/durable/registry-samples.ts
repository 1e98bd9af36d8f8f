// What the registry's tests share: a small configuration that fits together, and ways to make KV or a ledger fail.
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Registry } from "../../../durable/registry.ts";
import { DOCUMENT_KINDS } from "../../../policies/administration.ts";

export const ADMIN = "admin@example.com";

/** Each test has a registry of its own, and so documents of its own names where KV is read. */
export function openRegistry(name: string): DurableObjectStub<Registry> {
  return env.REGISTRY.getByName(name);
}

export function catalog(models: readonly string[] = ["small", "deep"], secret?: string) {
  return {
    version: "1",
    upstreams: [
      {
        id: "engine",
        engine: "vllm",
        baseUrl: "http://127.0.0.1:1/v1",
        ...(secret === undefined ? {} : { secret }),
      },
    ],
    models: models.map((id) => ({
      id,
      upstream: "engine",
      name: id,
      contextTokens: 32_768,
      outputTokensMax: 8192,
    })),
  };
}

/** With a pool of which these tenants share what they cache. */
export function grouped(of: ReturnType<typeof catalog>, tenants: readonly string[]) {
  const replica = { capacityTokens: 1_000_000, prefillTokensPerSecond: 10_000 };
  const group = { name: "house", prefixHash: "0".repeat(64), prefixUnits: 256, sharesWhole: true };
  const pool = {
    secret: "POOL_SECRET",
    unsalted: true,
    replicas: [{ ...replica, id: "r0", baseUrl: "http://127.0.0.1:1/v1" }],
    groups: [{ ...group, tenants }],
  };
  return { ...of, upstreams: of.upstreams.map((upstream) => ({ ...upstream, pool })) };
}

export function policy(name: string, changes: object = {}) {
  return { name, version: "1", modes: { direct: "small", long: "deep" }, ...changes };
}

export function organisation(id: string, changes: object = {}) {
  return { id, ...changes };
}

export function tenant(id: string, changes: object = {}) {
  return { id, name: id, policy: "plain", ...changes };
}

export function configuration(changes: object = {}): string {
  return JSON.stringify({
    format: "sluice-configuration-2",
    catalog: catalog(),
    policies: [policy("plain"), policy("spare")],
    organisations: [],
    tenants: [tenant("acme"), tenant("globex")],
    keys: [],
    ...changes,
  });
}

/** 64 hex digits that a number tells apart. */
export function hash(number: number): string {
  return number.toString(16).padStart(64, "0");
}

export async function fill(registry: DurableObjectStub<Registry>, text = configuration()) {
  const answer = await registry.importAll(text, ADMIN, { expectedRevision: null });
  if (answer.kind !== "imported") throw new Error(JSON.stringify(answer));
  return answer;
}

/** Runs alarms until KV and ledgers have heard everything; the clock moves as far as the longest wait. */
export async function catchUp(
  registry: DurableObjectStub<Registry>,
  clock: { advance(ms: number): void },
): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    const { unpublishedCount, unconfirmedCount } = await registry.publication();
    if (unpublishedCount + unconfirmedCount === 0) return;
    clock.advance(5 * 60_000);
    await runDurableObjectAlarm(registry);
    // A run that began before goes on beside the alarm, in real time.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The environment as the object sees it, for faults that only it meets. */
export function environmentOf(registry: DurableObjectStub<Registry>): Promise<Env> {
  return runInDurableObject(registry, (instance) => Reflect.get(instance, "env") as Env);
}

/** Has the object's KV fail until it is told otherwise. */
export async function breakStore(registry: DurableObjectStub<Registry>, method: "put" | "get") {
  const { CONFIGURATION: store } = await environmentOf(registry);
  return vi.spyOn(store, method).mockRejectedValue(new Error("KV is away"));
}

export async function emptyStore(): Promise<void> {
  const { keys } = await env.CONFIGURATION.list();
  await Promise.all(keys.map(({ name }) => env.CONFIGURATION.delete(name)));
}

export async function stored(): Promise<Record<string, string | null>> {
  const { keys } = await env.CONFIGURATION.list();
  return Object.fromEntries(
    await Promise.all(keys.map(async ({ name }) => [name, await env.CONFIGURATION.get(name)])),
  ) as Record<string, string | null>;
}

/** What KV should hold, read from the registry. */
export async function held(registry: DurableObjectStub<Registry>): Promise<Record<string, string>> {
  const pages = await Promise.all(DOCUMENT_KINDS.map((kind) => registry.list(kind, "", 200)));
  return Object.fromEntries(
    pages.flatMap(({ documents }) =>
      documents.map(({ kind, id, documentText }) => [
        kind === "catalog" ? id : `${kind}:${id}`,
        documentText,
      ]),
    ),
  );
}
