// An object that is broken off between two statements. Of every operation each statement fails once, and at last its commit:
// afterwards the storage is as it was before, memory is what an object that starts from that storage has, and the same
// operation, tried again, comes to what it comes to where nothing fails.
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Ledger } from "../../../durable/ledger.ts";
import type { AskEntry } from "../../../policies/ledger/entry.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import { leaseIdAt } from "../../../policies/ledger/lease-id.ts";
import { stopClockOfEach } from "./a-clock.ts";
import {
  alarms,
  CALL_TOKENS,
  holdWithLoans,
  orgScope,
  rest,
  WHOLE,
  type Stub,
} from "./lease-samples.ts";
import {
  dump,
  entriesOf,
  holdRequest,
  offer,
  openLedger,
  settlement,
  tokenLimit,
  totalOf,
} from "./ledger-samples.ts";

const clock = stopClockOfEach();
beforeEach(() => {
  vi.spyOn(console, "error").mockReturnValue();
});

interface Fault {
  isReached: boolean;
  /** Until the operation has ended: nobody who looks afterwards is to meet it. */
  isSet: boolean;
}

/** Lets so many statements of an object pass, and breaks the next one; or the commit, whatever comes before. */
async function breakAfter(ledger: Stub, passed: number | "commit"): Promise<Fault> {
  const fault = { isReached: false, isSet: true };
  const fail = (): never => {
    fault.isReached = true;
    throw new Error("the disk is broken");
  };
  await runInDurableObject(ledger, (_, { storage }) => {
    if (passed === "commit") {
      const transact = storage.transactionSync.bind(storage);
      storage.transactionSync = (change) =>
        transact(() => {
          const answer = change();
          return fault.isSet ? fail() : answer;
        });
      return;
    }
    const { sql } = storage;
    const exec = sql.exec.bind(sql);
    let count = 0;
    sql.exec = (query: string, ...values: unknown[]) => {
      count += 1;
      return fault.isSet && count === passed + 1 ? fail() : exec(query, ...values);
    };
  });
  return fault;
}

/** The rows without the alarm, which stands for no balance. */
async function rowsOf(ledger: Stub): Promise<string> {
  return JSON.stringify((JSON.parse(await dump(ledger)) as unknown[]).slice(0, -1));
}

async function lookAt(ledger: Stub): Promise<unknown> {
  const [standing, entries] = [await ledger.usage("UTC", null), await entriesOf(ledger)];
  // An object that starts from storage has its buckets in the order of the lines.
  const sorted = standing.buckets.toSorted((a, b) =>
    `${a.scope}|${a.key}` < `${b.scope}|${b.key}` ? -1 : 1,
  );
  return { ...standing, buckets: sorted, entries };
}

async function expectMemoryIsStorage(ledger: Stub): Promise<void> {
  const inMemory = await lookAt(ledger);
  await evictDurableObject(ledger);
  expect(await lookAt(ledger)).toEqual(inMemory);
}

/** Ids of leases are drawn by chance, and each ledger has a name of its own. */
function withoutNames(value: unknown): unknown {
  const text = JSON.stringify(value ?? null);
  return JSON.parse(
    text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|statements-\d+/g, ""),
  );
}

const SOFT = [tokenLimit(100_000), tokenLimit(500_000, "month")];
const SLICED = [offer({ sliceTokens: 100 })];
const BUSY = holdRequest("next:1", {
  limits: [...SOFT, { dimension: "requests", window: "minute", limit: 60, hard: false }],
  offers: SLICED,
});

/** Three calls: one that ended, one that is due, one that runs. */
async function live(ledger: Stub): Promise<void> {
  await ledger.hold(holdRequest("ended:1", { limits: SOFT }));
  await ledger.settle(settlement("ended:1"));
  await ledger.hold(holdRequest("due:1", { limits: SOFT, ttlMs: 2_000 }));
  await ledger.hold(holdRequest("open:1", { limits: SOFT, offers: SLICED }));
  clock.advance(5_000);
}

const DAY = { scope: "tenant", window: "day", key: "2030-05-15" } as const;

function askFor(tokens: number): AskEntry {
  const leaseId = leaseIdAt("0a1b2c3d-0000-4000-8000-0123456789ab", clock.nowMs);
  const amounts = { ...NOTHING, tokens };
  return { op: "ask", leaseId, atMs: clock.nowMs, lender: "me", ...DAY, amounts };
}

interface Operation {
  readonly name: string;
  /** What was acknowledged before. */
  readonly before: (ledger: Stub) => Promise<unknown>;
  readonly run: (ledger: Stub) => Promise<unknown>;
}

const OPERATIONS: readonly Operation[] = [
  { name: "a hold, which sweeps", before: live, run: (ledger) => ledger.hold(BUSY) },
  {
    name: "an extension, which sweeps",
    before: live,
    run: (ledger) =>
      ledger.extend({ callId: "open:1", outputTokens: 300, seenOutputTokens: 90, ttlMs: 60_000 }),
  },
  {
    name: "a checkpoint",
    before: live,
    run: (ledger) => ledger.checkpoint({ callId: "open:1", seenOutputTokens: 90, ttlMs: 60_000 }),
  },
  { name: "a settlement", before: live, run: (ledger) => ledger.settle(settlement("open:1")) },
  {
    name: "a settlement after expiry",
    before: async (ledger) => {
      await live(ledger);
      await alarms([ledger]);
    },
    run: (ledger) => ledger.settle(settlement("due:1")),
  },
  { name: "a release", before: live, run: (ledger) => ledger.release("open:1") },
  {
    name: "a refund",
    before: live,
    run: (ledger) => ledger.refund({ callId: "ended:1", refundId: "r", tokens: 50, nanos: 70 }),
  },
  {
    name: "a debt, which sweeps",
    before: live,
    run: (ledger) => ledger.chargeDebt(holdRequest("owed:1"), settlement("owed:1")),
  },
  { name: "a revocation", before: live, run: (ledger) => ledger.revoke("key-1") },
  {
    name: "a loan",
    before: live,
    run: (ledger) => ledger.lend(askFor(700), "other", SOFT, "ahead"),
  },
  {
    name: "the end of a loan",
    before: async (ledger) => {
      await live(ledger);
      await ledger.lend(askFor(700), "other", SOFT, "ahead");
    },
    run: (ledger) =>
      ledger.takeBackAll([
        { leaseId: askFor(700).leaseId, spent: { ...NOTHING, requests: 1, tokens: 300 } },
      ]),
  },
  {
    name: "giving back",
    before: async (ledger) => {
      const scopes = [orgScope("given", SOFT)];
      await holdWithLoans(ledger, holdRequest("lent:1", { scopes, offers: WHOLE }));
      await ledger.release("lent:1");
      clock.advance(20_000);
    },
    run: (ledger) => ledger.giveBack({ ...DAY, scope: "org:given" }, true),
  },
];

/** Two cores are shared; nothing here waits. */
const TIMEOUT_MS = 60_000;

let ledgers = 0;

/** A ledger of its own at the operation's beginning, and the clock where it was for all others. */
async function openBefore({ before }: Operation): Promise<string> {
  const name = `statements-${ledgers++}`;
  clock.stop();
  await before(openLedger(name));
  return name;
}

describe.each(OPERATIONS)("of $name", { timeout: TIMEOUT_MS }, (operation) => {
  it("whatever statement fails leaves nothing behind, and the next try is as the first", async () => {
    const control = openLedger(await openBefore(operation));
    const answer = await operation.run(control);
    const name = await openBefore(operation);
    const rows = await rowsOf(openLedger(name));
    let broken = 0;
    for (let passed: number | "commit" = "commit"; ; passed = broken++) {
      const ledger = openLedger(name);
      const fault = await breakAfter(ledger, passed);
      const outcome: unknown = await operation.run(ledger).catch(String);
      fault.isSet = false;
      if (!fault.isReached) {
        expect(withoutNames(outcome)).toEqual(withoutNames(answer));
        break;
      }
      expect(outcome).toMatch(/broken/);
      const again = openLedger(name);
      expect(await rowsOf(again)).toBe(rows);
      await expectMemoryIsStorage(again);
    }
    // Each writes a line at least, and looks for what it is about or finds a word.
    expect(broken).toBeGreaterThan(1);
    await expectMemoryIsStorage(openLedger(name));
    expect(withoutNames(await lookAt(openLedger(name)))).toEqual(
      withoutNames(await lookAt(control)),
    );
  });
});

describe("of what takes several turns", { timeout: TIMEOUT_MS }, () => {
  it("an alarm that fails at any statement loses no turn that was through, and the next one does the rest", async () => {
    const due: Operation = {
      name: "",
      before: live,
      run: (ledger) => runInDurableObject(ledger, (instance: Ledger) => instance.alarm()),
    };
    const control = openLedger(await openBefore(due));
    await due.run(control);
    let broken = 0;
    for (let passed: number | "commit" = "commit"; ; passed = broken++) {
      const name = await openBefore(due);
      const ledger = openLedger(name);
      const fault = await breakAfter(ledger, passed);
      await due.run(ledger).catch(String);
      fault.isSet = false;
      if (!fault.isReached) break;
      await expectMemoryIsStorage(openLedger(name));
      await due.run(openLedger(name));
      expect(await lookAt(openLedger(name))).toEqual(await lookAt(control));
    }
    expect(broken).toBeGreaterThan(1);
  });

  it("borrowing that fails at any statement of borrower or owner overdraws nothing, and nothing stays lent", async () => {
    const limits = [tokenLimit(4_000, "day", true)];
    let broken = 0;
    for (const side of ["borrower", "owner"] as const) {
      for (let passed = 0; ; passed++) {
        const id = `borrow-${side}-${passed}`;
        const [owner, borrower] = [() => openLedger(`org:${id}`), () => openLedger(id)];
        const request = holdRequest("c:1", { scopes: [orgScope(id, limits)], offers: WHOLE });
        expect(await borrower().hold(request)).toMatchObject({ reason: "unlent" });
        const fault = await breakAfter(side === "owner" ? owner() : borrower(), passed);
        await borrower().replenish(request).catch(String);
        fault.isSet = false;
        if (!fault.isReached) break;
        broken += 1;
        for (const ledger of [owner, borrower]) await expectMemoryIsStorage(ledger());
        expect((await holdWithLoans(borrower(), request)).kind).toBe("held");
        const inAll = await totalOf(owner(), "tokens", "day", `org:${id}`);
        expect(inAll.held).toBeGreaterThanOrEqual(CALL_TOKENS);
        expect(inAll.held).toBeLessThanOrEqual(4_000);
        await borrower().settle(settlement("c:1"));
        // An ask whose answer was lost is owed for until its owner has wondered.
        clock.advance(600_000);
        await rest([borrower(), owner()], clock);
        expect(await totalOf(owner(), "tokens", "day", `org:${id}`)).toEqual({
          spent: 290,
          held: 0,
          over: 0,
        });
        clock.stop();
      }
    }
    expect(broken).toBeGreaterThan(4);
  });
});
