// What the gateway is sent, in which order, and what is sent again.
import fc from "fast-check";
import { expect, it } from "vitest";
import { Outbox } from "../../../../durable/cli/kv-relay/outbox.ts";
import { ToldKeys } from "../../../../durable/cli/kv-relay/told-keys.ts";
import {
  BATCH_KEYS_MAX,
  keysOf,
  parseKvBatch,
  type KvAnswer,
  type KvBatch,
} from "../../../../policies/prefix/kv-events.ts";

const SENDER = { pool: "pool", replica: "r0", model: "m" };

function open(changesMax?: number): { told: ToldKeys; outbox: Outbox } {
  const told = new ToldKeys(changesMax);
  return { told, outbox: new Outbox(SENDER, told, 7) };
}

function next(batch: KvBatch, wants: KvAnswer["wants"] = "next"): KvAnswer {
  const taken = batch.operations.length === 0 ? 0 : 1;
  return { expected: { epoch: batch.epoch, sequence: batch.sequence + taken }, wants };
}

/** Sends and is answered until nothing is left. */
function drain(outbox: Outbox): KvBatch[] {
  const sent: KvBatch[] = [];
  for (let batch = outbox.next(); batch !== null; batch = outbox.next()) {
    sent.push(batch);
    outbox.answered(batch, next(batch), 0);
  }
  return sent;
}

it("begins with a snapshot at sequence 0, and then tells changes", () => {
  const { told, outbox } = open();
  told.set(1, "gpu");
  told.set(2, "cpu");
  const [first, second, ...none] = drain(outbox);
  expect(first).toMatchObject({ ...SENDER, epoch: 7, sequence: 0, domain: "tokens64" });
  expect(first?.operations).toEqual([
    { op: "snapshot", part: 0, parts: 2, tier: "gpu", keys: [1] },
  ]);
  expect(second?.operations).toEqual([
    { op: "snapshot", part: 1, parts: 2, tier: "cpu", keys: [2] },
  ]);
  expect(none).toEqual([]);
  told.set(1, null);
  told.set(3, "gpu");
  told.set(4, "gpu");
  told.set(4, null);
  const [changes] = drain(outbox);
  expect(changes).toMatchObject({ sequence: 2, held: 2 });
  expect(changes?.operations).toEqual([
    { op: "removed", keys: [1, 4] },
    { op: "stored", keys: [3], tier: "gpu" },
  ]);
});

it("begins with an empty snapshot where nothing is held, so that an older epoch ends", () => {
  const { outbox } = open();
  const [only] = drain(outbox);
  expect(only?.operations).toEqual([{ op: "snapshot", part: 0, parts: 1, tier: "gpu", keys: [] }]);
  expect(only?.held).toBe(0);
});

it("cuts what is much into batches that the gateway takes, and tells what is held with the last", () => {
  const { told, outbox } = open();
  drain(outbox);
  for (let key = 0; key < 40_000; key++) told.set(key, "gpu");
  const sent = drain(outbox);
  expect(sent.map(({ operations }) => keysOf(operations[0]!).length)).toEqual([
    BATCH_KEYS_MAX,
    BATCH_KEYS_MAX,
    40_000 - 2 * BATCH_KEYS_MAX,
  ]);
  expect(sent.map(({ held }) => held)).toEqual([undefined, undefined, 40_000]);
  for (const batch of sent)
    expect(parseKvBatch(JSON.parse(JSON.stringify(batch))).kind).toBe("parsed");
  outbox.snapshot();
  expect(drain(outbox).map(({ operations }) => operations[0])).toMatchObject([
    { part: 0, parts: 3 },
    { part: 1, parts: 3 },
    { part: 2, parts: 3 },
  ]);
});

it("repeats from where it is asked to, and sends everything where that is too far back", () => {
  const { told, outbox } = open();
  drain(outbox);
  for (let at = 0; at < 5; at++) {
    told.set(at, "gpu");
    drain(outbox);
  }
  told.set(9, "gpu");
  const batch = outbox.next()!;
  outbox.answered(batch, { expected: { epoch: 7, sequence: 3 }, wants: "replay" }, 0);
  expect(drain(outbox).map(({ sequence }) => sequence)).toEqual([3, 4, 5, 6]);
  const blank = outbox.ask();
  expect(blank).toMatchObject({ sequence: 7, operations: [] });
  outbox.answered(blank, { expected: { epoch: 6, sequence: 3 }, wants: "replay" }, 0);
  expect(drain(outbox)[0]?.operations[0]?.op).toBe("snapshot");
});

it("forgets oldest batches first, and none that was not heard", () => {
  const { told, outbox } = open();
  drain(outbox);
  for (let at = 0; at < 5_000; at++) {
    told.set(at, "gpu");
    drain(outbox);
  }
  const blank = outbox.ask();
  outbox.answered(blank, { expected: { epoch: 7, sequence: 10 }, wants: "replay" }, 0);
  expect(outbox.isSnapshotDue).toBe(true);
  drain(outbox);
  told.set(-1, "gpu");
  const batch = outbox.next()!;
  expect(outbox.next()).toBe(batch);
});

it("gives a blank question no sequence of its own", () => {
  const { told, outbox } = open();
  drain(outbox);
  const blank = outbox.ask();
  outbox.answered(blank, next(blank), 0);
  told.set(1, "gpu");
  expect(outbox.next()?.sequence).toBe(blank.sequence);
});

it("sends a snapshot to a gateway that asks for the same again and again", () => {
  const { told, outbox } = open();
  drain(outbox);
  told.set(1, "gpu");
  drain(outbox);
  for (let times = 0; times < 4; times++) {
    expect(outbox.isSnapshotDue).toBe(false);
    outbox.answered(outbox.ask(), { expected: { epoch: 7, sequence: 1 }, wants: "replay" }, 0);
  }
  expect(outbox.isSnapshotDue).toBe(true);
});

it("rises above an epoch that the gateway had from another relay, also where the clock went back", () => {
  const { outbox } = open();
  const batch = outbox.next()!;
  outbox.answered(batch, { expected: { epoch: 900, sequence: 4 }, wants: "snapshot" }, 3);
  expect(outbox.epoch).toBe(901);
  expect(outbox.next()).toMatchObject({ epoch: 901, sequence: 0 });
  outbox.renew(5);
  expect(outbox.epoch).toBe(902);
  expect(outbox.next()).toMatchObject({ epoch: 902, sequence: 0 });
  // The answer to what was under way before means nothing any more.
  outbox.answered(batch, next(batch), 0);
  expect(outbox.isSnapshotDue).toBe(false);
  expect(outbox.next()).toMatchObject({ epoch: 902, sequence: 0 });
});

it("tells what is stored again behind what it may continue", () => {
  const { told, outbox } = open();
  drain(outbox);
  told.set(1, "gpu");
  told.set(2, "gpu");
  told.set(1, null);
  told.set(1, "gpu");
  expect(drain(outbox)[0]?.operations).toEqual([{ op: "stored", keys: [2, 1], tier: "gpu" }]);
});

it("gives changes up for a snapshot when nobody takes them", () => {
  const { told, outbox } = open(100);
  drain(outbox);
  // The same key again and again is one change.
  for (let times = 0; times < 500; times++) told.set(times % 50, times < 250 ? "gpu" : null);
  expect(told.isOverfull).toBe(false);
  for (let key = 0; key < 200; key++) told.set(1_000 + key, "gpu");
  expect(told.isOverfull).toBe(true);
  expect(outbox.next()?.operations[0]?.op).toBe("snapshot");
  expect(told.isOverfull).toBe(false);
});

it("brings a gateway that loses, repeats and forgets to what is held", () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constant("set" as const),
      key: fc.nat(20),
      tier: fc.constantFrom("gpu" as const, "cpu" as const, null),
    }),
    fc.record({
      kind: fc.constantFrom(
        "send" as const,
        "lost-answer" as const,
        "forget" as const,
        "clear" as const,
        "ask" as const,
      ),
    }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const { told, outbox } = open();
      const gateway = { keys: new Set<number>(), epoch: -1, expected: 0 };
      const wanted = new Set<number>();
      for (const one of events) {
        if (one.kind === "set") {
          told.set(one.key, one.tier);
          if (one.tier === null) wanted.delete(one.key);
          else wanted.add(one.key);
        } else if (one.kind === "clear") {
          told.clear();
          wanted.clear();
        } else if (one.kind === "forget") {
          gateway.epoch = -1;
          gateway.keys.clear();
        } else {
          const batch = one.kind === "ask" ? outbox.ask() : outbox.next();
          if (batch === null) continue;
          const answer = take(gateway, batch);
          if (one.kind !== "lost-answer") outbox.answered(batch, answer, 0);
        }
      }
      const blank = outbox.ask();
      outbox.answered(blank, take(gateway, blank), 0);
      for (
        let batch = outbox.next(), left = 200;
        batch !== null && left > 0;
        batch = outbox.next(), left--
      )
        outbox.answered(batch, take(gateway, batch), 0);
      expect(outbox.next()).toBe(null);
      expect(gateway.keys).toEqual(wanted);
    }),
  );
});

function take(
  gateway: { keys: Set<number>; epoch: number; expected: number },
  batch: KvBatch,
): KvAnswer {
  const [first] = batch.operations;
  const isSnapshot = first?.op === "snapshot" && first.part === 0;
  const say = (wants: KvAnswer["wants"]): KvAnswer => ({
    expected: { epoch: Math.max(0, gateway.epoch), sequence: gateway.expected },
    wants,
  });
  if (gateway.epoch !== batch.epoch) {
    if (!isSnapshot && batch.sequence !== 0) return say("snapshot");
    gateway.epoch = batch.epoch;
    gateway.expected = batch.sequence;
    gateway.keys.clear();
  }
  if (batch.sequence < gateway.expected) return say("next");
  if (batch.sequence > gateway.expected && !isSnapshot) return say("replay");
  if (batch.operations.length > 0) gateway.expected = batch.sequence + 1;
  for (const operation of batch.operations) {
    if (operation.op === "cleared" || (operation.op === "snapshot" && operation.part === 0))
      gateway.keys.clear();
    for (const key of keysOf(operation))
      if (operation.op === "removed") gateway.keys.delete(key);
      else gateway.keys.add(key);
  }
  return say("next");
}
