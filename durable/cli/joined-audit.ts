// Checks a document of one journal or of several, as a tenant with shards has them: a line `ledger` says whose the lines after
// it are, as often as it likes, so that pages may stand in any order that keeps each ledger's own.
import type { Sha256 } from "../../policies/ledger/chain.ts";
import { joinAll } from "../../policies/ledger/whole.ts";
import { JournalAudit, type AuditReport, type Problem } from "./journal-audit.ts";
import { short, type Balance } from "./replay.ts";

/** A tenant has 33 ledgers; many times that is no document of ours, and each takes memory. */
const LEDGERS_MAX = 256;

/** Its problems stand with those of the others. */
export interface LedgerReport extends Omit<AuditReport, "problems"> {
  readonly ledger: string;
}

/** A window over all ledgers: nothing that one reported to another counts twice. */
export interface WholeBalance extends Balance {
  readonly lent: Balance["held"];
}

export interface JoinedReport {
  readonly entries: number;
  readonly calls: number;
  readonly open: number;
  readonly suspended: number;
  /** Over all ledgers. */
  readonly balances: readonly WholeBalance[];
  /** The first chain's fault, if one has any. */
  readonly chain: AuditReport["chain"];
  readonly ledgers: readonly LedgerReport[];
  readonly problems: readonly LedgerProblem[];
}

interface LedgerProblem extends Problem {
  /** Empty: of all of them. */
  readonly ledger: string;
}

export class JoinedAudit {
  readonly #sha256: Sha256;
  readonly #audits = new Map<string, JournalAudit>();
  /** What stands before any `ledger` line. A tenant that got shards later has such a beginning: it is its own ledger's. */
  #unnamed: JournalAudit | null = null;
  #current: JournalAudit | null = null;
  #lineNumber = 0;

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  async take(line: string): Promise<void> {
    this.#lineNumber += 1;
    const ledger = readHeader(line);
    if (ledger === null || (!this.#audits.has(ledger) && this.#audits.size >= LEDGERS_MAX)) {
      this.#current ??= this.#unnamed = new JournalAudit(this.#sha256);
      await this.#current.take(line, this.#lineNumber);
      return;
    }
    const known = this.#audits.get(ledger) ?? this.#unnamed ?? new JournalAudit(this.#sha256);
    if (known === this.#unnamed) this.#unnamed = null;
    this.#audits.set(ledger, known);
    this.#current = known;
  }

  /** Of one journal its own report. */
  async end(): Promise<AuditReport | JoinedReport> {
    const [first] = this.#audits.values();
    if (this.#audits.size <= 1) {
      const only = first ?? this.#unnamed ?? new JournalAudit(this.#sha256);
      return only.end();
    }
    const ledgers: LedgerReport[] = [];
    const problems: LedgerProblem[] = [];
    for (const [ledger, audit] of this.#audits) {
      const { problems: own, ...report } = await audit.end();
      ledgers.push({ ledger, ...report });
      problems.push(...own.map((problem) => ({ ledger, ...problem })));
    }
    const tenants = new Set([...this.#audits.keys()].map(tenantOf));
    const mixed = `is of several tenants, whose figures are no sum: ${[...tenants].join(", ")}`;
    if (tenants.size > 1) problems.push({ ledger: "", line: null, seq: null, problem: mixed });
    const sum = (of: "entries" | "calls" | "open" | "suspended"): number =>
      ledgers.reduce((total, report) => total + report[of], 0);
    return {
      entries: sum("entries"),
      calls: sum("calls"),
      open: sum("open"),
      suspended: sum("suspended"),
      balances: this.#balances(),
      chain: ledgers.find(({ chain }) => chain !== "whole")?.chain ?? "whole",
      ledgers,
      problems,
    };
  }

  #balances(): WholeBalance[] {
    const own: ReturnType<JournalAudit["parts"]> = [];
    const shards: (typeof own)[] = [];
    for (const [name, audit] of this.#audits)
      if (tenantOf(name) === name) own.push(...audit.parts());
      else shards.push(audit.parts());
    const nameOf = ({ scope, window, key }: { scope: string; window: string; key: string }) =>
      `${scope}|${window}|${key}`;
    return joinAll(own, shards, true)
      .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
      .map(({ scope, window, key, spent, held, over, lent }) => ({
        scope,
        window,
        key,
        spent: short(spent),
        held: short(held),
        over: short(over),
        lent: short(lent),
      }));
  }
}

/** A shard is named by its tenant, a sign that no tenant's id holds, and its number. */
function tenantOf(ledger: string): string {
  return ledger.split("#")[0] ?? ledger;
}

/** Null for what is no header. */
function readHeader(line: string): string | null {
  if (!line.startsWith('{"ledger":')) return null;
  try {
    const { ledger } = JSON.parse(line) as { readonly ledger?: unknown };
    return typeof ledger === "string" && ledger !== "" ? ledger : null;
  } catch {
    // Then it is a line like any other, and no entry.
    return null;
  }
}
