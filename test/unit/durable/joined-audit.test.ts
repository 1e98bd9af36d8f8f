// A document of several journals: each chain is followed by itself, whatever order its pages come in, and only ledgers of
// one tenant are summed.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { JoinedAudit } from "../../../durable/cli/joined-audit.ts";
import { NOTHING, type Amounts } from "../../../policies/ledger/amounts.ts";
import { lineOf } from "../../../policies/ledger/canonical.ts";
import { CHAIN_START, linkAll, type Sha256 } from "../../../policies/ledger/chain.ts";
import type { Entry } from "../../../policies/ledger/entry.ts";

const AT_MS = Date.UTC(2026, 10, 25, 12);
const WINDOW = { scope: "tenant", window: "day", key: "2026-11-25" } as const;
const sha256: Sha256 = async (text) => createHash("sha256").update(text, "utf8").digest("hex");
const tokens = (count: number): Amounts => ({ ...NOTHING, tokens: count });
const header = (ledger: string): string => JSON.stringify({ ledger });

/** Pages of some entries each, with the chain's links. */
async function pagesOf(entries: readonly Entry[], size: number): Promise<string[][]> {
  const lines = entries.map((entry, index) => lineOf({ seq: index + 1, entry }));
  const hashes = [CHAIN_START, ...(await linkAll(CHAIN_START, lines, sha256))];
  const pages: string[][] = [];
  for (let from = 0; from < lines.length; from += size) {
    const to = Math.min(from + size, lines.length);
    const chain = { prevHash: hashes[from], hash: hashes[to], nextSeq: to };
    pages.push([...lines.slice(from, to), JSON.stringify({ chain })]);
  }
  return pages;
}

async function audit(lines: readonly string[]) {
  const joined = new JoinedAudit(sha256);
  for (const line of lines) await joined.take(line);
  return joined.end();
}

const lease = { leaseId: "l-1:29000000", atMs: AT_MS };
const OWNER: readonly Entry[] = [
  { op: "lend", ...lease, ...WINDOW, borrower: "acme#0", amounts: tokens(500) },
  {
    op: "lend",
    ...lease,
    leaseId: "l-2:29000000",
    ...WINDOW,
    borrower: "acme#0",
    amounts: tokens(70),
  },
  { op: "return", ...lease, spent: tokens(0) },
];
const SHARD: readonly Entry[] = [
  { op: "ask", ...lease, ...WINDOW, lender: "acme", amounts: tokens(500) },
  { op: "borrow", ...lease, amounts: tokens(500) },
  { op: "report", ...lease, spent: tokens(0) },
];

describe("several journals in one document", () => {
  it("are whole when each is, in pages that take turns, and their sum counts no lease as used", async () => {
    const [own, shard] = [await pagesOf(OWNER, 1), await pagesOf(SHARD, 1)];
    const lines = own.flatMap((page, index) => [
      header("acme"),
      ...page,
      header("acme#0"),
      ...(shard[index] ?? []),
    ]);
    const report = await audit(lines);
    expect(report).toMatchObject({ entries: 6, calls: 0, chain: "whole", problems: [] });
    expect(report).toMatchObject({
      ledgers: [
        { ledger: "acme", entries: 3, balances: [{ held: { tokens: 70 } }] },
        { ledger: "acme#0", entries: 3 },
      ],
      balances: [{ ...WINDOW, spent: {}, held: {}, over: {}, lent: { tokens: 70 } }],
    });
  });

  it("tell which of them was altered, and where in the document", async () => {
    const [own, shard] = [await pagesOf(OWNER, 3), await pagesOf(SHARD, 3)];
    const [first = "", ...rest] = shard[0] ?? [];
    const lines = [header("acme"), ...(own[0] ?? []), header("acme#0"), ...rest];
    const report = await audit(lines);
    expect(report).toMatchObject({ chain: "altered" });
    expect(report.problems[0]).toMatchObject({ ledger: "acme#0", line: 7, seq: 2 });
    expect(first).toContain('"op":"ask"');
  });

  it("of two tenants are no sum, and say so", async () => {
    const [page = []] = await pagesOf(OWNER, 3);
    const report = await audit([header("acme"), ...page, header("globex"), ...page]);
    expect(report.problems).toEqual([
      expect.objectContaining({ problem: expect.stringContaining("acme, globex") }),
    ]);
  });
});

describe("one journal", () => {
  it("has the same report with a header and without", async () => {
    const [page = []] = await pagesOf(OWNER, 3);
    const report = await audit(page);
    expect(report).not.toHaveProperty("ledgers");
    expect(await audit([header("acme"), ...page])).toEqual(report);
    expect(await audit([])).toMatchObject({ entries: 0, chain: "whole" });
  });

  it("that began before there were shards is the first ledger's, and parted where it is not", async () => {
    const [first = [], second = []] = await pagesOf(OWNER, 2);
    const [shard = []] = await pagesOf(SHARD, 3);
    const whole = [...first, header("acme"), ...second, header("acme#0"), ...shard];
    expect(await audit(whole)).toMatchObject({ chain: "whole", problems: [] });
    const other = [...first, header("acme#0"), ...shard, header("acme"), ...second];
    expect(await audit(other)).toMatchObject({ chain: "parted" });
  });

  it("has a header that is no ledger's name as a line that is no entry", async () => {
    const report = await audit(['{"ledger":7}', '{"ledger":']);
    expect(report.problems.map(({ problem }) => problem)).toContainEqual(
      expect.stringContaining("is no entry"),
    );
  });
});
