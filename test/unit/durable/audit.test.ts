// The audit finds what was done to a journal after it was written, and what cannot have happened; and of a whole one it
// says the balances that the ledger itself had.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JournalAudit, type AuditReport } from "../../../durable/cli/journal-audit.ts";
import type { HoldRequest, Usage } from "../../../policies/account.ts";
import { NOTHING } from "../../../policies/ledger/amounts.ts";
import { lineOf } from "../../../policies/ledger/canonical.ts";
import { CHAIN_START, linkAll, type Sha256 } from "../../../policies/ledger/chain.ts";
import type { CallEntry, Entry, HoldEntry } from "../../../policies/ledger/entry.ts";
import { decideCheckpoint, decideExtension } from "../../../policies/ledger/extend.ts";
import { decideHold } from "../../../policies/ledger/hold.ts";
import { decideRefund, decideRelease, decideSettlement } from "../../../policies/ledger/settle.ts";
import { apply, newState, type EndedCall } from "../../../policies/ledger/state.ts";
import { decideSweep } from "../../../policies/ledger/sweep.ts";

const PROGRAM = join(import.meta.dirname, "../../../durable/cli/audit.ts");
const START_MS = Date.UTC(2026, 10, 25, 12);

const sha256: Sha256 = async (text) => createHash("sha256").update(text, "utf8").digest("hex");

/** A ledger of nothing but its journal, whose ended calls are found in it. */
class Kept {
  readonly state = newState();
  readonly entries: Entry[] = [];
  readonly #ended = new Map<string, EndedCall>();
  readonly ended = { find: (callId: string) => this.#ended.get(callId) ?? null };

  /** Takes what a decision gave; null changed nothing. */
  keep(entry: CallEntry | null): void {
    if (entry === null) return;
    const call = this.state.calls.get(entry.callId);
    apply(this.state, entry, this.ended);
    this.entries.push(entry);
    const known = this.#ended.get(entry.callId);
    if (known !== undefined) {
      if (entry.op === "adjust") this.#ended.set(entry.callId, { ...known, end: entry });
      if (entry.op === "refund")
        this.#ended.set(entry.callId, { ...known, refunds: [...known.refunds, entry] });
    } else if (call !== undefined && !this.state.calls.has(entry.callId)) {
      const end = (entry.op === "lapse" ? call.expired : entry) as EndedCall["end"];
      this.#ended.set(entry.callId, { hold: call.hold, end, refunds: [] });
    }
  }
}

function request(callId: string, changes: Partial<HoldRequest> = {}): HoldRequest {
  return {
    callId,
    keyId: "first",
    policyVersion: "plain@1",
    variant: null,
    requests: 1,
    scopes: [
      {
        scope: "tenant",
        limits: [
          { dimension: "tokens", window: "day", limit: 100_000, hard: true },
          { dimension: "requests", window: "minute", limit: 600, hard: false },
        ],
      },
      { scope: "key:first", limits: [] },
    ],
    zone: "Europe/Berlin",
    session: null,
    offers: [
      {
        rung: 0,
        arm: "small/short",
        strategies: [],
        inputTokens: 100,
        outputTokens: 4_000,
        outputTokensMin: 64,
        sliceTokens: 1_000,
        priceVersion: "1",
        inputNanosPerMtok: 100_000_000,
        outputNanosPerMtok: 400_000_000,
        cachedInputNanosPerMtok: 25_000_000,
        cacheWriteNanosPerMtok: 125_000_000,
      },
    ],
    ttlMs: 60_000,
    ...changes,
  };
}

function used(outputTokens: number): Usage {
  return {
    inputTokens: 90,
    cachedTokens: 40,
    cacheWriteTokens: 10,
    outputTokens,
    reasoningTokens: 7,
  };
}

/** Every kind of entry that a call can make. */
function history(): Kept {
  const kept = new Kept();
  const { state, ended } = kept;
  let nowMs = START_MS;
  const hold = (callId: string, changes: Partial<HoldRequest> = {}) =>
    kept.keep(decideHold(state, ended, request(callId, changes), 7, 0, nowMs).entry);
  const settle = (callId: string, outputTokens: number) => {
    const settlement = {
      callId,
      usage: used(outputTokens),
      certainty: "exact",
      ending: "complete",
    } as const;
    kept.keep(decideSettlement(state, ended, settlement, nowMs).entry);
  };
  hold("a:1");
  const grown = { callId: "a:1", outputTokens: 2_000, seenOutputTokens: 800, ttlMs: 60_000 };
  kept.keep(decideExtension(state, ended, grown, (nowMs += 5_000)).entry);
  const seen = { callId: "a:1", seenOutputTokens: 1_200, ttlMs: 60_000 };
  kept.keep(decideCheckpoint(state, ended, seen, (nowMs += 5_000)).entry);
  settle("a:1", 1_500);
  const refund = { callId: "a:1", refundId: "sorry", tokens: 500, nanos: 10 };
  kept.keep(decideRefund(state, ended, refund, nowMs).entry);
  hold("b:1");
  kept.keep(decideRelease(state, ended, "b:1", (nowMs += 10)).entry);
  hold("c:1", { session: "talk" });
  hold("d:1");
  for (const entry of decideSweep(state, (nowMs += 70_000), 50)) kept.keep(entry);
  settle("c:1", 900);
  for (const entry of decideSweep(state, (nowMs += 3_600_000), 50)) kept.keep(entry);
  const more = { callId: "d:1", refundId: "late", tokens: 100, nanos: 0 };
  kept.keep(decideRefund(state, ended, more, nowMs).entry);
  // Less than what was given back.
  settle("d:1", 8);
  hold("e:1", { scopes: [{ scope: "org:o", limits: [], lender: "org:o" }] });
  return kept;
}

const linesOf = (entries: readonly Entry[]): string[] =>
  entries.map((entry, index) => lineOf({ seq: index + 1, entry }));

/** As the admin API gives it, in pages of some size. */
async function exportOf(lines: readonly string[], pageLines = 5): Promise<string[]> {
  const hashes = await linkAll(CHAIN_START, lines, sha256);
  const written: string[] = [];
  for (let from = 0; from < lines.length; from += pageLines) {
    const to = Math.min(from + pageLines, lines.length);
    const prevHash = hashes[from - 1] ?? CHAIN_START;
    const chain = { prevHash, hash: hashes[to - 1], nextSeq: to };
    written.push(...lines.slice(from, to), JSON.stringify({ chain }));
  }
  return written;
}

async function audit(lines: readonly string[]): Promise<AuditReport> {
  const journal = new JournalAudit(sha256);
  for (const line of lines) await journal.take(line);
  return journal.end();
}

const kept = history();
const whole = await exportOf(linesOf(kept.entries));

describe("a whole journal", () => {
  it("adds up to the ledger's own balances, in pages of any size", async () => {
    expect(new Set(kept.entries.map(({ op }) => op)).size).toBe(9);
    for (const pageLines of [1, 4, 1_000]) {
      const report = await audit(await exportOf(linesOf(kept.entries), pageLines));
      expect(report).toMatchObject({
        problems: [],
        chain: "whole",
        calls: 5,
        open: 1,
        suspended: 0,
      });
      expect(report.entries).toBe(kept.entries.length);
      expect(report.hash).toBe((await linkAll(CHAIN_START, linesOf(kept.entries), sha256)).at(-1));
      expect(
        report.balances.map(({ scope, window, key, spent, held, over }) => ({
          scope,
          window,
          key,
          spent: { ...NOTHING, ...spent },
          held: { ...NOTHING, ...held },
          over: { ...NOTHING, ...over },
        })),
      ).toEqual(
        [...kept.state.buckets.entries()]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([, { scope, window, key, spent, held, over }]) => ({
            scope,
            window,
            key,
            spent,
            held,
            over,
          })),
      );
    }
  });

  it("of no line at all is whole, and one that ends before its chain line is not", async () => {
    expect(await audit([])).toMatchObject({ entries: 0, chain: "whole", problems: [] });
    expect(await audit(whole.slice(0, -1))).toMatchObject({
      chain: "unproven",
      problems: [{ line: null, problem: expect.stringContaining("no chain line") }],
    });
  });
});

describe("a journal that was touched", () => {
  const entryLines = whole.flatMap((line, at) => (line.startsWith('{"chain"') ? [] : [at]));

  it.each<readonly [string, (at: number, other: number, by: number) => readonly string[]]>([
    [
      "one byte is another",
      (at, place, by) => {
        const line = whole[at] ?? "";
        const position = place % line.length;
        const code = 32 + ((line.charCodeAt(position) + by) % 91);
        const changed = String.fromCharCode(code);
        return whole.with(at, line.slice(0, position) + changed + line.slice(position + 1));
      },
    ],
    ["a line is gone", (at) => whole.toSpliced(at, 1)],
    ["a line came twice", (at) => whole.toSpliced(at, 0, whole[at] ?? "")],
    [
      "two lines changed places",
      (at, place) => {
        const others = entryLines.filter((other) => other !== at);
        const other = others[place % others.length] ?? 0;
        return whole.with(at, whole[other] ?? "").with(other, whole[at] ?? "");
      },
    ],
    ["a page is gone, but for its chain line", () => whole.toSpliced(-6, 5)],
  ])("is found out: %s", async (_, touch) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...entryLines),
        fc.nat({ max: 10_000 }),
        fc.integer({ min: 60, max: 148 }),
        async (at, other, by) => {
          const lines = touch(at, other, by);
          if (lines.every((line, index) => line === whole[index])) return;
          const { problems, chain } = await audit(lines);
          expect(chain).not.toBe("whole");
          expect(problems.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("names the line, and judges the pages after it by themselves", async () => {
    const at = 1;
    const lines = whole.with(at, (whole[at] ?? "").replace('"ttlMs":60000', '"ttlMs":60001'));
    const { problems } = await audit(lines);
    expect(problems.filter(({ problem }) => problem.startsWith("the page"))).toHaveLength(1);
    const dropped = await audit(whole.toSpliced(2, 1));
    expect(dropped.problems[0]).toEqual({ line: 3, seq: 4, problem: "follows 2" });
  });
});

describe("a journal that was made up, with a chain that fits", () => {
  const entryOf = (op: string, nth = 0) => {
    const found = kept.entries.filter((entry) => entry.op === op)[nth];
    if (found === undefined) throw new Error(op);
    return found;
  };
  /** Held, extended, seen again and settled. */
  const base = kept.entries.slice(0, 4);
  const [held, , , settled] = base as [Entry, Entry, Entry, Entry];
  const { atMs } = settled;

  it.each<readonly [string, readonly Entry[], RegExp]>([
    ["a call that ended twice", [...base, settled], /call a:1 ended twice/],
    ["a settlement without a hold", [settled], /call a:1 was never held/],
    ["a call that was held twice", [held, held], /call a:1 was held before/],
    [
      "a release after the end",
      [...base, { op: "release", callId: "a:1", atMs }],
      /call a:1 ended twice/,
    ],
    [
      "an extension after the end",
      [...base, { ...base[1], atMs } as Entry],
      /ended when it was extended/,
    ],
    [
      "an extension beyond the cap",
      [held, { ...base[1], heldOutputTokens: 4_001 } as Entry],
      /from 1000 to 4001, of 4000/,
    ],
    [
      "a hold that passed its limit",
      [limitedTo(held, 1_099)],
      /^call a:1 passed 1099 tokens a day of tenant: 1100$/,
    ],
    [
      "an extension that passed its limit",
      [limitedTo(held, 2_099), base[1]!],
      /^call a:1 passed 2099 tokens a day of tenant: 2100$/,
    ],
    [
      "a clock that went back",
      [...base.slice(0, 3), { ...settled, atMs: START_MS } as Entry],
      /is of \d+, and the one before it of \d+/,
    ],
    [
      "a refund of more than was charged",
      [...base, { ...entryOf("refund"), amounts: { ...NOTHING, tokens: 1_591 } } as Entry],
      /refunded more/,
    ],
    [
      "a refund that came twice",
      [...base, entryOf("refund"), entryOf("refund")],
      /refunded twice as sorry/,
    ],
    ["a refund of a call in flight", [held, entryOf("refund")], /refunded before it ended/],
    [
      "a charge that its usage does not give",
      [...base.slice(0, 3), { ...settled, charged: { ...NOTHING, tokens: 1 } } as Entry],
      /was charged 1 tokens/,
    ],
    [
      "an overrun that was not",
      [...base.slice(0, 3), { ...settled, over: { ...NOTHING, tokens: 1 } } as Entry],
      /another overrun/,
    ],
    [
      "a correction of what never expired",
      [...base, { ...settled, op: "adjust" } as Entry],
      /did not expire/,
    ],
    [
      "an end of suspense that never was",
      [held, { op: "lapse", callId: "a:1", atMs }],
      /was not in suspense/,
    ],
    [
      "a return of what was never lent",
      [{ op: "return", leaseId: "x", atMs, spent: NOTHING }],
      /was not lent/,
    ],
  ])("shows %s", async (_, entries, problem) => {
    const report = await audit(await exportOf(linesOf(entries)));
    expect(report.chain).toBe("whole");
    expect(report.problems.map((one) => one.problem)).toEqual([expect.stringMatching(problem)]);
  });

  function limitedTo(entry: Entry, limit: number): Entry {
    const limits = [{ dimension: "tokens", window: "day", limit, hard: true }] as const;
    const path = { zone: "UTC", scopes: [{ scope: "tenant", limits }] };
    return { ...(entry as HoldEntry), path };
  }
});

describe("the program", () => {
  function run(input: string, ...files: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...files], {
      input,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  it("prints one object and exits with 0 where all is well", () => {
    const { status, stdout } = run(`${whole.join("\n")}\n`);
    const report = JSON.parse(stdout) as AuditReport & { readonly problemCount: number };
    expect(report).toMatchObject({
      chain: "whole",
      calls: 5,
      open: 1,
      problemCount: 0,
      problems: [],
    });
    expect(report.balances.length).toBeGreaterThan(0);
    expect(status).toBe(0);
  });

  it("exits with 1 where something is wrong, and says what", () => {
    const { status, stdout } = run(whole.toSpliced(3, 1).join("\n"));
    expect(JSON.parse(stdout)).toMatchObject({
      chain: "altered",
      problemCount: expect.any(Number),
    });
    expect(status).toBe(1);
    const { status: unread, stdout: nothing, stderr } = run("", "nowhere.jsonl");
    expect([unread, nothing]).toEqual([1, ""]);
    expect(stderr).toContain("cannot be read (ENOENT)");
  });

  it("ends lines at line feeds only", async () => {
    const entries = kept.entries.map((entry) =>
      entry.op === "settle" ? { ...entry, ending: "com\u2028plete\u2029\u0085" } : entry,
    );
    const { status, stdout } = run((await exportOf(linesOf(entries))).join("\n"));
    expect(JSON.parse(stdout)).toMatchObject({ problems: [], chain: "whole" });
    expect(status).toBe(0);
  });
});
