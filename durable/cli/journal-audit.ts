// Checks one ledger's journal that was written down: each line by itself, its place, the hash chain over all of them, and
// whether what they tell can have happened. Several in one document are joined-audit.ts.
import {
  CHAIN_START,
  verifyPage,
  type ChainVerdict,
  type Sha256,
} from "../../policies/ledger/chain.ts";
import { parseLine } from "../../policies/ledger/parse-line.ts";
import type { LedgerPart } from "../../policies/ledger/whole.ts";
import { Replay, type Balance } from "./replay.ts";

export interface Problem {
  /** Counted from 1 over all that was read; null: of the whole. */
  readonly line: number | null;
  readonly seq: number | null;
  readonly problem: string;
}

export interface AuditReport {
  readonly entries: number;
  readonly calls: number;
  readonly open: number;
  /** Expired, and still reserving what an exact usage might need. */
  readonly suspended: number;
  readonly balances: readonly Balance[];
  /**
   * `parted`: a page does not begin where the one before it ended. `altered`: a page's lines do not give its hash.
   * `unproven`: lines without a `chain` line behind them. The first that was found.
   */
  readonly chain: "whole" | "unproven" | Exclude<ChainVerdict["kind"], "whole">;
  /** After the last line: what the ledger itself says of its end. */
  readonly hash: string;
  readonly problems: readonly Problem[];
}

interface ChainLine {
  readonly prevHash: string;
  readonly hash: string;
  /** The seq of the page's last line. */
  readonly nextSeq: number;
}

export class JournalAudit {
  readonly #sha256: Sha256;
  readonly #replay = new Replay();
  readonly #problems: Problem[] = [];
  /** Of the page that is being read. */
  #lines: string[] = [];
  #lineNumber = 0;
  #entries = 0;
  #lastSeq = 0;
  #hash = CHAIN_START;
  #chain: AuditReport["chain"] = "whole";

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  /** `lineNumber`: in the document that the line is read from, from 1. */
  async take(line: string, lineNumber = this.#lineNumber + 1): Promise<void> {
    this.#lineNumber = lineNumber;
    if (line === "") return;
    const chain = readChain(line);
    if (chain !== null) {
      await this.#endPage(chain);
      return;
    }
    this.#lines.push(line);
    this.#entries += 1;
    const parsed = parseLine(line);
    if (parsed.kind === "faulty") {
      const faults = parsed.faults.map(({ path, problem }) => `${path} ${problem}`.trim());
      this.#tell(null, `is no entry: ${faults.join("; ")}`);
      return;
    }
    const { seq, entry } = parsed.value;
    if (seq !== this.#lastSeq + 1) this.#tell(seq, `follows ${this.#lastSeq}`);
    // A line that comes again says nothing new, and would count twice.
    if (seq <= this.#lastSeq) return;
    this.#lastSeq = seq;
    for (const problem of this.#replay.follow(entry)) this.#tell(seq, problem);
  }

  async end(): Promise<AuditReport> {
    if (this.#lines.length > 0) {
      this.#fault("unproven");
      const problem = `the last ${this.#lines.length} lines have no chain line behind them`;
      this.#problems.push({ line: null, seq: null, problem });
    }
    for (const problem of this.#replay.check())
      this.#problems.push({ line: null, seq: null, problem });
    return {
      entries: this.#entries,
      ...this.#replay.sums(),
      chain: this.#chain,
      hash: this.#hash,
      problems: this.#problems,
    };
  }

  parts(): LedgerPart[] {
    return this.#replay.parts();
  }

  /** Each page is judged by itself, so that one bad line does not make all that follow bad. */
  async #endPage({ prevHash, hash, nextSeq }: ChainLine): Promise<void> {
    const page = { lines: this.#lines, prevHash, hash };
    const verdict = await verifyPage(this.#hash, page, this.#sha256);
    if (verdict.kind === "parted") {
      this.#fault("parted");
      this.#tell(
        null,
        `the page begins after ${prevHash}, and the one before ended with ${this.#hash}`,
      );
      // What is inside it may be whole all the same.
      const inside = await verifyPage(null, page, this.#sha256);
      if (inside.kind === "altered") this.#tellAltered(inside);
    } else if (verdict.kind === "altered") {
      this.#fault("altered");
      this.#tellAltered(verdict);
    }
    if (nextSeq !== this.#lastSeq)
      this.#tell(null, `the page ends with ${nextSeq}, and its last line is ${this.#lastSeq}`);
    this.#lines = [];
    this.#hash = hash;
  }

  #tellAltered({ expected, found }: { readonly expected: string; readonly found: string }): void {
    this.#tell(null, `the page's lines give ${found}, and its chain line says ${expected}`);
  }

  #fault(kind: AuditReport["chain"]): void {
    if (this.#chain === "whole") this.#chain = kind;
  }

  #tell(seq: number | null, problem: string): void {
    this.#problems.push({ line: this.#lineNumber, seq, problem });
  }
}

const HASH = /^[0-9a-f]{64}$/;

/** Null for what is no chain line. */
function readChain(line: string): ChainLine | null {
  if (!line.startsWith('{"chain":')) return null;
  let document: { readonly chain?: Partial<Record<keyof ChainLine, unknown>> | null };
  try {
    document = JSON.parse(line) as typeof document;
  } catch {
    // Then it is a line like any other, and no entry.
    return null;
  }
  const { prevHash, hash, nextSeq } = document.chain ?? {};
  return typeof prevHash === "string" &&
    HASH.test(prevHash) &&
    typeof hash === "string" &&
    HASH.test(hash) &&
    typeof nextSeq === "number"
    ? { prevHash, hash, nextSeq }
    : null;
}
