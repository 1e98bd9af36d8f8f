// Several engines of one model, each a server of its own, so that one can be killed, slowed or started anew while the
// others stand. Each may tell of its cache as a real one does.
import { setTimeout as sleep } from "node:timers/promises";
import {
  blockEventDefaults,
  startBlockEvents,
  type BlockEventOptions,
  type BlockEvents,
} from "./block-events.ts";
import { defaultSettings, type SimulatorSettings } from "./settings.ts";
import { startSimulator, type Simulator } from "./simulator.ts";

const triesMax = 50;
const tryPauseMs = 20;

export type ReplicaOptions = {
  readonly settings?: Partial<SimulatorSettings>;
  /** Absent: they tell nothing. Ports are the system's, and a block's size is the cache's. */
  readonly events?: Partial<Omit<BlockEventOptions, "eventsPort" | "replayPort" | "blockTokens">>;
};

export type Replica = {
  /** `r0`, `r1`, ... */
  readonly id: string;
  /** The same after a restart. */
  readonly url: string;
  readonly isUp: boolean;
  /** Of the last start; its requests are those since then. */
  readonly simulator: Simulator;
  /** Null where it tells nothing. */
  readonly events: BlockEvents | null;
  /** From now on a prompt takes so many times as long; a restart forgets it. */
  slow(times: number): void;
  /** It is gone at once: open answers break off, and nobody listens. */
  kill(): Promise<void>;
  /** Up again at its old ports, or for the first time: with nothing cached, blocks of other names, and sequences from 0. */
  restart(): Promise<void>;
};

export type Replicas = {
  readonly replicas: readonly Replica[];
  close(): Promise<void>;
};

export async function startReplicas(
  count: number,
  options: ReplicaOptions = {},
): Promise<Replicas> {
  const replicas = await Promise.all(
    Array.from({ length: count }, (_, number) => startReplica(number, options)),
  );
  return {
    replicas,
    async close() {
      await Promise.all(replicas.map((replica) => replica.kill()));
    },
  };
}

async function startReplica(number: number, options: ReplicaOptions): Promise<Replica> {
  const settings = { ...defaultSettings, ...options.settings };
  let starts = 0;
  let isUp = false;
  let events: BlockEvents | null = null;
  let simulator: Simulator | null = null;

  async function start(): Promise<Simulator> {
    starts += 1;
    if (options.events !== undefined)
      events = await startBlockEvents({
        ...blockEventDefaults,
        ...options.events,
        blockTokens: settings.cacheBlockTokens,
        eventsPort: events?.eventsPort ?? 0,
        replayPort: events?.replayPort ?? 0,
      });
    const started = await startSimulator(
      {
        ...settings,
        port: simulator?.port ?? settings.port,
        // No two replicas and no two starts name a block alike, as engines with random seeds do not.
        cacheSeed: settings.cacheSeed + number * 1_000 + starts,
      },
      events,
    );
    isUp = true;
    return started;
  }

  const first = await start();
  simulator = first;
  const replica: Replica = {
    id: `r${number}`,
    url: first.url,
    get isUp() {
      return isUp;
    },
    get simulator() {
      return simulator ?? first;
    },
    get events() {
      return events;
    },
    slow: (times) => replica.simulator.slow(times),
    async kill() {
      if (!isUp) return;
      isUp = false;
      await Promise.all([replica.simulator.close(), events?.close()]);
    },
    async restart() {
      await replica.kill();
      simulator = await start();
      await untilAnswers(first.url);
    },
  };
  return replica;
}

/** A client of this process keeps connections to the one before, and hears of their end a moment later. */
async function untilAnswers(url: string): Promise<void> {
  for (let left = triesMax; left > 0; left -= 1) {
    const isUp = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    await sleep(tryPauseMs);
  }
  throw new Error(`${url} does not answer`);
}
