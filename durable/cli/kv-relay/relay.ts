// One engine's relay: its events in, keys of what it caches out.
import { decodeBatch } from "./decode.ts";
import { deliver, type DeliveryOptions } from "./deliver.ts";
import { EngineStream, type EngineStreamOptions } from "./engine-stream.ts";
import type { SkipReason } from "./event.ts";
import { Outbox, type Sender } from "./outbox.ts";
import { Residency, type ResidencyCounts, type ResidencyOptions } from "./residency.ts";
import { ToldKeys } from "./told-keys.ts";

export interface RelayOptions {
  readonly engine: EngineStreamOptions;
  /** Of a data-parallel engine, the rank that this replica is; null takes whoever speaks. */
  readonly rank: number | null;
  readonly residency: ResidencyOptions;
  readonly sender: Sender;
  readonly delivery: DeliveryOptions;
}

export interface RelayReport extends ResidencyCounts {
  readonly epoch: number;
  readonly held: number;
  readonly batches: number;
  readonly lostBatches: number;
  /** Not to be read at all. */
  readonly malformedBatches: number;
  readonly otherRanks: number;
  /** Events that were passed over, by reason. */
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
}

export interface Relay {
  report(): RelayReport;
  /** Ends when it is closed; throws only what is a bug. */
  readonly done: Promise<void>;
  close(): void;
}

export function startRelay(options: RelayOptions): Relay {
  const { note, nowMs } = options.delivery;
  const told = new ToldKeys();
  const residency = new Residency(options.residency, told);
  const outbox = new Outbox(options.sender, told, nowMs());
  const closing = new AbortController();
  const skipped: Partial<Record<SkipReason, number>> = {};
  let batches = 0;
  let lostBatches = 0;
  let malformedBatches = 0;
  let otherRanks = 0;

  function take(payload: Uint8Array): void {
    batches++;
    const batch = decodeBatch(payload);
    if (batch === null) {
      malformedBatches++;
      note("malformed-batch", { times: malformedBatches });
      return;
    }
    if (options.rank !== null && batch.rank !== null && batch.rank !== options.rank) {
      otherRanks++;
      return;
    }
    for (const { reason, group } of batch.skipped) {
      const times = (skipped[reason] ?? 0) + 1;
      skipped[reason] = times;
      // The first tells what is odd; the report tells how often.
      if (times === 1) note("skipped", { reason, group });
      if (group !== null) residency.ignoreGroup(group);
    }
    for (const event of batch.events) residency.apply(event);
  }

  const stream = new EngineStream(options.engine, {
    batch: take,
    lost(count) {
      lostBatches += count;
      note("lost", { batches: count });
      // What was removed in them is still held here; what is held at least is the same on both sides then.
      outbox.snapshot();
    },
    restarted() {
      note("engine-restarted", {});
      residency.clear();
      outbox.renew(nowMs());
    },
    note,
  });
  const done = Promise.all([stream.run(), deliver(outbox, options.delivery, closing.signal)]);
  return {
    report: () => ({
      ...residency.counts,
      epoch: outbox.epoch,
      held: told.held,
      batches,
      lostBatches,
      malformedBatches,
      otherRanks,
      skipped: { ...skipped },
    }),
    done: done.then(() => undefined),
    close() {
      closing.abort();
      stream.close();
    },
  };
}
