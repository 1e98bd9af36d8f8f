// A replica's cache as vLLM tells of it: batches of events over ZeroMQ, with a sequence number each, and a socket that
// repeats what is asked for again. Written from documents, not from recordings.
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "@msgpack/msgpack";
import { Publisher, Router } from "zeromq";
import type { CacheListener, StoredBlocks } from "./prefix-cache.ts";
import { latinTokenIds } from "./tokens.ts";

export type BlockEventOptions = {
  /** Only blocks of this model are told of: a real engine has one. */
  readonly model: string;
  /** vLLM's events were positional until June 2026 and are maps since; the batch around them is positional. */
  readonly layout: "array" | "map";
  readonly hashes: "int" | "bytes";
  readonly blockTokens: number;
  /** For replay; what is older is gone. */
  readonly batchesKept: number;
  /** 0 asks the system for a free one. */
  readonly eventsPort: number;
  readonly replayPort: number;
};

export type BlockEvents = CacheListener & {
  readonly eventsUrl: string;
  readonly replayUrl: string;
  readonly eventsPort: number;
  readonly replayPort: number;
  /** Of the next batch. */
  readonly sequence: number;
  /** The next so many batches are kept for replay, but not sent. */
  lose(batches: number): void;
  /** The last batch is sent once more. */
  repeat(): void;
  /** As an operator's reset of the prefix cache tells it. */
  cleared(): void;
  close(): Promise<void>;
};

export const blockEventDefaults: BlockEventOptions = {
  model: "sim-mid",
  layout: "map",
  hashes: "int",
  blockTokens: 16,
  batchesKept: 10_000,
  eventsPort: 0,
  replayPort: 0,
};

type Kept = {
  readonly sequence: Uint8Array;
  readonly number: number;
  readonly payload: Uint8Array;
};

const endOfReplay = Buffer.alloc(8, 0xff);
/** A port that was just left is not free at once. */
const bindTries = 50;
const bindPauseMs = 20;

export async function startBlockEvents(options: BlockEventOptions): Promise<BlockEvents> {
  const { batchesKept } = options;
  const publisher = new Publisher({ linger: 0, sendHighWaterMark: 100_000 });
  const replay = new Router({ linger: 0, sendHighWaterMark: 100_000 });
  await bind(publisher, options.eventsPort);
  await bind(replay, options.replayPort);
  const eventsUrl = publisher.lastEndpoint ?? "";
  const replayUrl = replay.lastEndpoint ?? "";
  const kept: Kept[] = [];
  let next = 0;
  let toLose = 0;
  let isClosed = false;
  /** ZeroMQ's sockets take one message at a time. */
  let sending: Promise<void> = Promise.resolve();

  function enqueue(work: () => Promise<void>): void {
    sending = sending
      .then(() => (isClosed ? undefined : work()))
      .catch((failure: unknown) => {
        // Closing breaks off what is being sent; anything else is a bug of the simulator.
        if (!isClosed) console.error("simulator: events:", failure);
      });
  }

  function publish(events: readonly unknown[]): void {
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(BigInt(next));
    const payload = encode([Date.now() / 1000, events, null], { useBigInt64: true });
    const batch = { sequence, number: next, payload };
    next += 1;
    const isLost = toLose > 0;
    if (isLost) toLose -= 1;
    enqueue(async () => {
      kept.push(batch);
      if (kept.length > batchesKept) kept.shift();
      if (!isLost) await publisher.send(["kv-events", batch.sequence, batch.payload]);
    });
  }

  async function serveReplays(): Promise<void> {
    for await (const frames of replay) {
      const [asker, , start] = frames;
      if (frames.length !== 3 || asker === undefined || start?.length !== 8) continue;
      const from = start.readBigUInt64BE();
      enqueue(async () => {
        for (const { number, sequence, payload } of kept)
          if (BigInt(number) >= from) await replay.send([asker, "", sequence, payload]);
        await replay.send([asker, "", endOfReplay, ""]);
      });
    }
  }
  const serving = serveReplays().catch((failure: unknown) => {
    // Closing ends the wait for the next question by throwing.
    if (!isClosed) console.error("simulator: replay:", failure);
  });

  return {
    eventsUrl,
    replayUrl,
    eventsPort: portOf(eventsUrl),
    replayPort: portOf(replayUrl),
    get sequence() {
      return next;
    },
    changed(stored, removed) {
      const gone = removed.filter(({ model }) => model === options.model);
      const events = [
        ...stored
          .filter(({ model }) => model === options.model)
          .map((run) => tellStored(run, options)),
        ...(gone.length === 0
          ? []
          : [
              tellRemoved(
                gone.map(({ hash }) => hash),
                options,
              ),
            ]),
      ];
      if (events.length > 0) publish(events);
    },
    lose(batches) {
      toLose += batches;
    },
    repeat() {
      enqueue(async () => {
        const last = kept.at(-1);
        if (last !== undefined) await publisher.send(["kv-events", last.sequence, last.payload]);
      });
    },
    cleared() {
      publish([options.layout === "map" ? { type: "AllBlocksCleared" } : ["AllBlocksCleared"]]);
    },
    async close() {
      isClosed = true;
      publisher.close();
      replay.close();
      await serving;
    },
  };
}

function tellStored(
  { hashes, parent, bytes, salt }: StoredBlocks,
  { layout, blockTokens, ...how }: BlockEventOptions,
): unknown {
  const named = hashes.map((one) => nameOf(one, how.hashes));
  const before = parent === null ? null : nameOf(parent, how.hashes);
  const tokens = latinTokenIds(bytes);
  // Of a prompt's first block only: what follows inherits it through the hash of its parent.
  const extras =
    parent === null && salt !== "" ? hashes.map((_, at) => (at === 0 ? [salt] : null)) : null;
  return layout === "array"
    ? ["BlockStored", named, before, tokens, blockTokens, null, "GPU", null, extras]
    : {
        type: "BlockStored",
        block_hashes: named,
        parent_block_hash: before,
        token_ids: tokens,
        block_size: blockTokens,
        lora_id: null,
        medium: "GPU",
        lora_name: null,
        ...(extras === null ? {} : { extra_keys: extras }),
      };
}

function tellRemoved(hashes: readonly number[], { layout, ...how }: BlockEventOptions): unknown {
  const named = hashes.map((one) => nameOf(one, how.hashes));
  return layout === "array"
    ? ["BlockRemoved", named, "GPU"]
    : { type: "BlockRemoved", block_hashes: named, medium: "GPU" };
}

function nameOf(hash: number, as: BlockEventOptions["hashes"]): bigint | Uint8Array {
  if (as === "int") return BigInt(hash);
  const bytes = Buffer.alloc(32);
  bytes.writeBigUInt64BE(BigInt(hash), 24);
  return bytes;
}

async function bind(socket: Publisher | Router, port: number): Promise<void> {
  for (let left = bindTries; ; left -= 1) {
    try {
      return await socket.bind(`tcp://127.0.0.1:${port === 0 ? "*" : port}`);
    } catch (failure) {
      if (left === 0) throw failure;
      await sleep(bindPauseMs);
    }
  }
}

function portOf(url: string): number {
  return Number(url.slice(url.lastIndexOf(":") + 1));
}
