// Hundreds of requests, good and bad, whole and streamed, read and abandoned: afterwards nothing is held, nothing is
// left open upstream, and the log holds no line that a bug or a hung request would have written.
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import type { MisbehaviourName } from "../../simulator/misbehaviour.ts";
import { standsAt } from "../support/gateway-under-test.ts";
import {
  badLines,
  expectEachEndedOnce,
  readWhole,
  startFaultGateway,
  TENANT,
  until,
  type FaultGateway,
} from "./fault-gateway.ts";

/** Each fault under each policy, streamed and not, abandoned and not: 11 * 2 * 3 * 7. */
const REQUESTS = 462;
const AT_ONCE = 12;
/** Every so many requests it is looked at what is held. */
const LOOK_EVERY = 100;
/** Each in its turn; null is a request without a fault. */
const FAULTS: readonly (MisbehaviourName | null)[] = [
  null,
  "error-500",
  null,
  "cut",
  "no-usage",
  null,
  "error-mid-stream",
  "cut-early",
  null,
  "broken-json",
  "rate-limit",
];
/** Every so many requests one is abandoned after its headers. */
const LEAVER_EVERY = 7;
const TIMEOUT_MS = 180_000;

let gateway: FaultGateway;

beforeAll(async () => {
  gateway = await startFaultGateway();
});

afterAll(() => gateway.dispose());

test(`${REQUESTS} requests leave nothing behind`, { timeout: TIMEOUT_MS }, async () => {
  const heldAfter: number[] = [];
  const statuses = new Map<number, number>();
  const ask = async (index: number): Promise<void> => {
    const fault = FAULTS[index % FAULTS.length] ?? null;
    const leaving = new AbortController();
    const response = await gateway.ask({
      text: `What is ${index} + 3?${fault === null ? "" : ` [[sim:${fault}]]`}`,
      policy: index % 2 === 0 ? "failover" : "alone",
      isStream: index % 3 !== 0,
      signal: leaving.signal,
    });
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    if (index % LEAVER_EVERY === 0) leaving.abort();
    await readWhole(response);
  };
  const queue = Array.from({ length: REQUESTS }, (_, index) => index).values();
  const rows = await gateway.journalOf(() =>
    Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const index of queue) {
          await ask(index);
          if (index % LOOK_EVERY === LOOK_EVERY - 1)
            heldAfter.push((await gateway.ledgerUsage(TENANT)).openHolds);
        }
      }),
    ),
  );

  expectEachEndedOnce(rows);
  expect(new Set(rows.map(({ requestId }) => requestId)).size).toBe(REQUESTS);
  // What is open at any time is what is in flight, and what was in flight just before.
  for (const held of heldAfter) expect(held).toBeLessThanOrEqual(4 * AT_ONCE);
  expect(statuses.get(200)).toBeGreaterThan(REQUESTS / 2);
  expect(statuses.get(500)).toBeUndefined();

  const standing = await gateway.ledgerUsage(TENANT);
  expect(standing.openHolds).toBe(0);
  for (const { held } of standing.buckets) expect(held).toEqual(NOTHING);
  // The balances are the sum of the journal.
  const spent = (await gateway.ledgerJournal(TENANT)).reduce(
    (sum, row) => sum + row.spent.tokens,
    0,
  );
  expect(standsAt(standing, "tokens")).toBe(spent);
  await until(
    () => gateway.simulator.requests.filter(({ ended }) => ended === "open").length,
    (open) => open === 0,
  );
  await gateway.expectHealthy();
  // The runtime tells of what hung or was never caught a moment later.
  await sleep(500);
  expect(badLines(gateway.logged)).toEqual([]);
});
