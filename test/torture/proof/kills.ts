// The runtime is killed under load and started again on the same state, again and again: no hold that was acknowledged is
// lost, balances are what the journal adds up to, and what nobody can settle any more expires.
import { createHash } from "node:crypto";
import { JournalAudit, type AuditReport } from "../../../durable/cli/journal-audit.ts";
import { drawInteger } from "../../simulator/chance.ts";
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { readCalls, type ProofCall } from "./calls.ts";
import { hear } from "./client.ts";
import { Findings, proved, type Proved } from "./findings.ts";
import {
  auditOf,
  startProofGateway,
  type ProofGateway,
  type ProofSettings,
  type Usage,
} from "./gateway.ts";

const TENANT = "killed";
/** Not to be reached: what is proved here is memory, not admission. Soft, so that what expires is not kept in suspense. */
const LIMIT = 9_000_000_000_000;
const CLIENTS = 24;
/** Short, because a hold outlives its call's deadline by ten seconds, and the proof waits for the last of them. */
const POLICY = { gateMs: 1000, heartbeatMs: 500, idleMs: 3000, deadlineMs: 4000 };
/** A hold's life, the grid of alarms, and what a busy machine adds. */
const EXPIRY_WAIT_MS = 45_000;
const ROUND_MS_LEAST = 300;
const ROUND_MS_MOST = 1200;

export interface KillSettings {
  readonly bundleFolder: string;
  readonly stateFolder: string;
  readonly rounds: number;
  readonly seed: number;
  /** Whether to wait until what was open at the last kill has expired. */
  readonly awaitsExpiry: boolean;
}

/** What clients have heard of over all rounds. */
interface Heads {
  /** Requests whose answer's headers a client saw: their hold was told of. */
  readonly acknowledged: Set<string>;
  /** Those which a client read to their end, and what they told. */
  readonly whole: Map<string, number>;
}

export async function proveKills(settings: KillSettings): Promise<Proved> {
  const { rounds, seed, awaitsExpiry, bundleFolder, stateFolder } = settings;
  const simulator = await startSimulator({ ...noLatency, firstByteMs: 5, decodeMsPerToken: 1 });
  const limits = [{ dimension: "tokens", window: "day", limit: LIMIT, hard: false }];
  const start: ProofSettings = {
    bundleFolder,
    stateFolder,
    simulatorUrl: simulator.url,
    policy: POLICY,
    tenants: [{ id: TENANT, limits }],
  };
  const findings = new Findings();
  const heads: Heads = { acknowledged: new Set(), whole: new Map() };
  const book = new Book();
  let gateway = await startProofGateway(start);
  try {
    let openMost = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const loading = load(gateway, round, heads);
      const key = `kills|${seed}|${round}`;
      await loading.firstHeard;
      await pause(drawInteger(key, ROUND_MS_LEAST, ROUND_MS_MOST));
      await gateway.kill();
      await loading.ended;
      gateway = await startProofGateway(start);
      openMost = Math.max(openMost, (await compare(gateway, book, round, findings)).open);
    }
    if (awaitsExpiry) {
      checkQuiet(await gateway.untilQuiet(TENANT, EXPIRY_WAIT_MS), findings);
      await compare(gateway, book, rounds, findings);
    }
    return conclude(book, heads, { rounds, openMost, awaitsExpiry }, findings);
  } finally {
    await gateway.close();
    await simulator.close();
  }
}

/** The journal as exported so far, and what it adds up to. */
class Book {
  readonly #audit = new JournalAudit(async (text) =>
    createHash("sha256").update(text, "utf8").digest("hex"),
  );
  journal = "";
  seq = 0;

  /** Reads on: pages must continue where the last ended, hash by hash, so that nothing that was there has changed. */
  async readOn(gateway: ProofGateway): Promise<AuditReport> {
    const more = await gateway.journal(TENANT, this.seq);
    for (const line of more.split("\n")) await this.#audit.take(line);
    this.journal += more;
    const chain = more.trimEnd().split("\n").at(-1) ?? "";
    if (chain !== "")
      this.seq = (JSON.parse(chain) as { chain: { nextSeq: number } }).chain.nextSeq;
    return this.#audit.end();
  }
}

/** What the ledger that was built anew says stands, against its journal. */
async function compare(
  gateway: ProofGateway,
  book: Book,
  round: number,
  findings: Findings,
): Promise<AuditReport> {
  for (;;) {
    const report = await book.readOn(gateway);
    const stands = await gateway.usage(TENANT);
    const { seq } = book;
    await book.readOn(gateway);
    // An alarm has ended a hold between the two looks.
    if (book.seq !== seq) continue;
    findings.demand(report.chain === "whole", () => `round ${round}: the chain is ${report.chain}`);
    findings.demand(
      report.problems.length === 0,
      () => `round ${round}: ${JSON.stringify(report.problems[0])}`,
    );
    findings.demand(
      report.open === stands.openHolds,
      () => `round ${round}: ${stands.openHolds} holds are open, by the journal ${report.open}`,
    );
    for (const row of stands.rows) {
      const { scope, window, key, dimension } = row;
      const replayed = report.balances.find(
        (one) => one.scope === scope && one.window === window && one.key === key,
      );
      for (const part of ["spent", "held", "over"] as const)
        findings.demand(
          row[part] === (replayed?.[part][dimension] ?? 0),
          () =>
            `round ${round}: ${part} ${dimension} of ${scope} per ${window} is ${row[part]}, by the journal ${replayed?.[part][dimension]}`,
        );
    }
    return report;
  }
}

function conclude(
  book: Book,
  { acknowledged, whole }: Heads,
  ran: { readonly rounds: number; readonly openMost: number; readonly awaitsExpiry: boolean },
  findings: Findings,
): Proved {
  const { calls, entries } = readCalls(book.journal, "tokens", LIMIT);
  const lost = [...acknowledged].filter((requestId) => !calls.has(`${requestId}:1`));
  findings.demand(lost.length === 0, () => `lost: ${lost.join(", ")}`);
  for (const [callId, call] of calls)
    if (ran.awaitsExpiry || call.ends.length > 0) checkEnd(callId, call, findings);
  for (const [requestId, totalTokens] of whole) {
    const [end] = calls.get(`${requestId}:1`)?.ends ?? [];
    // Its settlement may have died with the process; then its expiry has charged it.
    findings.demand(
      end === undefined || end.op !== "settle" || end.charged.tokens === totalTokens,
      () => `${requestId} told ${totalTokens} and was charged otherwise`,
    );
  }
  const audit = auditOf(book.journal);
  findings.demand(
    audit.problemCount === 0 && audit.chain === "whole",
    () => `the audit says ${audit.chain}, ${JSON.stringify(audit.problems[0])}`,
  );
  const ended = [...calls.values()].map(({ ends: [end] }) => end?.op);
  const heldUntold = [...calls.keys()].filter(
    (callId) => !acknowledged.has(callId.slice(0, callId.lastIndexOf(":"))),
  );
  return proved(
    {
      rounds: ran.rounds,
      calls: calls.size,
      entries,
      acknowledged: acknowledged.size,
      acknowledgedLost: lost.length,
      heldButUnacknowledged: heldUntold.length,
      openAfterAKillMost: ran.openMost,
      settled: ended.filter((op) => op === "settle").length,
      expired: ended.filter((op) => op === "expire").length,
      readWhole: whole.size,
      audit: audit.chain,
    },
    findings,
  );
}

function checkQuiet({ openHolds, rows }: Usage, findings: Findings): void {
  findings.demand(openHolds === 0, () => `${openHolds} holds never expired`);
  for (const { held, dimension, scope, window } of rows)
    findings.demand(
      held === 0,
      () => `${scope} per ${window} holds ${held} ${dimension} for nobody`,
    );
}

function checkEnd(callId: string, { ends }: ProofCall, findings: Findings): void {
  const [end] = ends;
  findings.demand(ends.length === 1, () => `${callId} ended ${ends.length} times`);
  findings.demand(
    end === undefined || (end.op !== "release" && end.charged.tokens > 0),
    () => `${callId} was sent and ended for nothing: ${JSON.stringify(end)}`,
  );
}

/** Streams until the gateway is gone. */
function load(
  gateway: ProofGateway,
  round: number,
  { acknowledged, whole }: Heads,
): { readonly firstHeard: Promise<void>; readonly ended: Promise<unknown> } {
  const first = Promise.withResolvers<void>();
  const one = async (client: number): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
      const heard = await hear({
        url: gateway.url,
        secret: gateway.secretOf(TENANT),
        text: `What is ${round} * ${turn} + ${client}?`,
      });
      if (heard.status === null) return;
      if (heard.requestId === null || heard.status !== 200) continue;
      acknowledged.add(heard.requestId);
      if (heard.isWhole && heard.totalTokens !== null)
        whole.set(heard.requestId, heard.totalTokens);
      first.resolve();
      if (!heard.isWhole) return;
    }
  };
  const ended = Promise.all(Array.from({ length: CLIENTS }, (_, client) => one(client)));
  return { firstHeard: Promise.race([first.promise, ended.then(() => undefined)]), ended };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
