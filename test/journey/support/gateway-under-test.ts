// One journey's surroundings: a simulated engine that does not wait, and the built Worker in front of it with the
// seeded documents and whatever the journey adds to them.
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import type { Window } from "../../../policies/ledger/limit.ts";
import type { Standing, StandingBucket } from "../../../policies/ledger/standing.ts";
import { readSeeds, type SecretKey } from "../../../worker/cli/documents.ts";
import { startGateway, type Gateway } from "../../../worker/cli/gateway.ts";
import { noLatency, type SimulatorSettings } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";
import { readJournal, type JournalRow } from "./journal.ts";

const SEED_FOLDER = join(import.meta.dirname, "..", "..", "..", "kv-seeds");
/** The demo tenant's key, unless the journey says otherwise. */
const DEMO_SECRET = "sk-sluice-journey";
/** As long as the admin API asks for. */
const ADMIN_SECRET = "sluice-admin-of-a-journey-0123456789";
/** Settling follows the answer by one hop; a shared machine may stretch that. */
const SETTLE_WAIT_MS = 10_000;
const SETTLE_POLL_MS = 20;
/** The ledger's own bound on one read of its journal. */
const JOURNAL_PAGE = 1_000;

type Named = Readonly<Record<string, unknown>>;

export interface Surroundings {
  /** What the simulator does differently from not waiting at all. */
  readonly simulator?: Partial<SimulatorSettings>;
  /** The seeded catalog with its upstreams at the simulator, for a journey that needs another. */
  readonly catalog?: (seeded: Catalog, simulatorUrl: string) => Catalog;
  /** Written as an operator writes them. One with a seeded name takes its place. */
  readonly policies?: readonly Named[];
  readonly organisations?: readonly Named[];
  readonly tenants?: readonly Named[];
  /** Besides the demo tenant's. */
  readonly keys?: readonly SecretKey[];
  /** An empty ADMIN_SECRET turns the admin API off. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Another build of the Worker than the one that all journeys share. */
  readonly bundleFolder?: string;
}

export interface GatewayUnderTest {
  /** Without a slash at its end. */
  readonly url: string;
  readonly secret: string;
  readonly adminSecret: string;
  readonly simulator: Simulator;
  readonly gateway: Gateway;
  /** Every line that the Worker logged. */
  readonly logged: readonly string[];
  ledgerUsage(tenantId: string): Promise<Standing>;
  /** The whole journal, oldest first. */
  ledgerJournal(tenantId: string): Promise<readonly JournalRow[]>;
  /** Starts the Worker anew: its isolate knows nothing, while KV and the objects keep what they have. */
  startAnew(): Promise<void>;
  /** Waits until no hold is open, and fails when one stays. */
  untilSettled(tenantId: string, waitMs?: number): Promise<Standing>;
  dispose(): Promise<void>;
}

export async function startGatewayUnderTest(given: Surroundings = {}): Promise<GatewayUnderTest> {
  const simulator = await startSimulator({ ...noLatency, ...given.simulator });
  const logged: string[] = [];
  try {
    const seeds = await readSeeds(SEED_FOLDER);
    const seeded = pointAt(seeds.catalog, `${simulator.url}/v1`);
    const bundleFolder = given.bundleFolder ?? inject("bundleFolder");
    const documents = {
      catalog: given.catalog?.(seeded, simulator.url) ?? seeded,
      policies: overlay(seeds.policies, given.policies ?? [], "name"),
      organisations: given.organisations ?? [],
      tenants: overlay(seeds.tenants, given.tenants ?? [], "id"),
      keys: [
        { secret: DEMO_SECRET, document: { id: "demo", tenant: "demo" } },
        ...(given.keys ?? []),
      ],
    };
    const gateway = await startGateway({
      port: 0,
      stateFolder: null,
      bundleFolder,
      documents,
      secrets: { ADMIN_SECRET, ...given.secrets },
      log: (line) => logged.push(line),
    });
    return {
      url: gateway.url,
      secret: DEMO_SECRET,
      adminSecret: ADMIN_SECRET,
      simulator,
      gateway,
      logged,
      ...watchLedger(gateway),
      startAnew: () => gateway.reload({ bundleFolder, documents }),
      dispose: () => end(gateway, simulator),
    };
  } catch (error) {
    await simulator.close();
    throw error;
  }
}

function watchLedger(
  gateway: Gateway,
): Pick<GatewayUnderTest, "ledgerUsage" | "ledgerJournal" | "untilSettled"> {
  const ledgerOf = async (tenantId: string) =>
    (await gateway.bindings<Env>()).LEDGER.getByName(tenantId);
  const ledgerUsage = async (tenantId: string): Promise<Standing> =>
    (await ledgerOf(tenantId)).usage("UTC", null);
  return {
    ledgerUsage,
    ledgerJournal: async (tenantId) => {
      const ledger = await ledgerOf(tenantId);
      const read: string[] = [];
      for (let afterSeq = 0; ;) {
        const { lines, nextSeq } = await ledger.journal(afterSeq, JOURNAL_PAGE);
        if (lines.length === 0) return readJournal(read);
        read.push(...lines);
        afterSeq = nextSeq;
      }
    },
    untilSettled: async (tenantId, waitMs = SETTLE_WAIT_MS) => {
      const endsAtMs = Date.now() + waitMs;
      for (;;) {
        const standing = await ledgerUsage(tenantId);
        if (standing.openHolds === 0) return standing;
        if (Date.now() > endsAtMs)
          throw new Error(
            `${standing.openHolds} holds of ${tenantId} are still open after ${waitMs} ms.`,
          );
        await sleep(SETTLE_POLL_MS);
      }
    },
  };
}

/** One figure of the tenant as a whole: what it has spent in an open window, what is held, or what went over. */
export function standsAt(
  { buckets }: Standing,
  dimension: Dimension,
  window: Window = "day",
  of: keyof Pick<StandingBucket, "spent" | "held" | "over"> = "spent",
): number {
  const bucket = buckets.find((one) => one.scope === "tenant" && one.window === window);
  return bucket?.[of][dimension] ?? 0;
}

/** The Worker first, so that nothing of it is cut while the simulator ends. */
async function end(gateway: Gateway, simulator: Simulator): Promise<void> {
  await gateway.dispose();
  await simulator.close();
}

function pointAt(document: unknown, baseUrl: string): Catalog {
  const parsed = parseCatalog(document);
  if (parsed.kind === "faulty")
    throw new Error(`The seeded catalog is faulty: ${JSON.stringify(parsed.faults)}`);
  return {
    ...parsed.value,
    upstreams: parsed.value.upstreams.map((upstream) => ({ ...upstream, baseUrl })),
  };
}

function overlay(
  seeded: readonly unknown[],
  added: readonly Named[],
  field: "name" | "id",
): readonly unknown[] {
  const taken = new Set(added.map((document) => document[field]));
  return [...seeded.filter((document) => !taken.has((document as Named)[field])), ...added];
}
