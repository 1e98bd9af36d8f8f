// The gateway of the proofs: the built Worker with its state in a folder, before the simulated engine, in a process that can
// be killed and started again on the same state.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Dimension } from "../../../policies/ledger/amounts.ts";
import { startGateway } from "../../../worker/cli/gateway.ts";
import type { AuditReport } from "../../../durable/cli/journal-audit.ts";
import { withRuntimePid } from "../../bench/processes.ts";

const ADMIN_SECRET = "sluice-admin-of-a-proof-0123456789abcdef";
const AUDIT = join(import.meta.dirname, "../../../durable/cli/audit.ts");
/** The ledger's own bound on one page. */
const PAGE_LINES = 1000;
/** A hundred rounds write some tens of megabytes. */
const REPORT_BYTES_MAX = 1_000_000_000;
const QUIET_WAIT_MS = 60_000;
const QUIET_POLL_MS = 50;

/** More failures than a proof can make so soon: no breaker may open. */
const NEVER = { failures: 1000, windowMs: 100, cooldownMs: 1000 };

export interface ProofTenant {
  readonly id: string;
  readonly limits: readonly object[];
}

export interface ProofSettings {
  readonly bundleFolder: string;
  readonly stateFolder: string;
  readonly simulatorUrl: string;
  readonly tenants: readonly ProofTenant[];
  /** What the policy, which has one model for one mode, says beside that. */
  readonly policy: object;
}

export interface UsageRow {
  readonly scope: string;
  readonly window: string;
  readonly key: string;
  readonly dimension: Dimension;
  readonly spent: number;
  readonly held: number;
  readonly over: number;
  readonly limit: number | null;
}

export interface Usage {
  readonly openHolds: number;
  readonly rows: readonly UsageRow[];
}

export interface ProofGateway {
  readonly url: string;
  secretOf(tenantId: string): string;
  /**
   * As an operator reads it. Over HTTP, because a call of an object from outside of the runtime blocks this process, and a
   * runtime that has much to log waits for this process.
   */
  usage(tenantId: string): Promise<Usage>;
  /** The journal after a line, as an operator exports it: pages of lines with the hash chain. */
  journal(tenantId: string, afterSeq?: number): Promise<string>;
  /** Until no hold is open. */
  untilQuiet(tenantId: string, waitMs?: number): Promise<Usage>;
  /** SIGKILL to the runtime's process, while whatever it does goes on. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function startProofGateway(settings: ProofSettings): Promise<ProofGateway> {
  const { bundleFolder, stateFolder } = settings;
  const [gateway, pid] = await withRuntimePid(() =>
    startGateway({
      port: 0,
      stateFolder,
      bundleFolder,
      documents: documentsOf(settings),
      secrets: { ADMIN_SECRET },
    }),
  );
  const usage = (tenantId: string): Promise<Usage> => readUsage(gateway.url, tenantId);
  return {
    url: gateway.url,
    secretOf,
    usage,
    journal: (tenantId, afterSeq = 0) => exportJournal(gateway.url, tenantId, afterSeq),
    untilQuiet: async (tenantId, waitMs = QUIET_WAIT_MS) => {
      const endsAtMs = Date.now() + waitMs;
      for (;;) {
        const stands = await usage(tenantId);
        if (stands.openHolds === 0 || Date.now() > endsAtMs) return stands;
        await new Promise((resolve) => setTimeout(resolve, QUIET_POLL_MS));
      }
    },
    kill: async () => {
      process.kill(pid, "SIGKILL");
      // In the same turn: what was killed would be started again.
      await gateway.dispose();
    },
    close: () => gateway.dispose(),
  };
}

/** `npm run -s audit`, as an operator runs it. */
export function auditOf(journal: string): AuditReport & { readonly problemCount: number } {
  const { stdout, stderr } = spawnSync(process.execPath, [AUDIT], {
    input: journal,
    encoding: "utf8",
    maxBuffer: REPORT_BYTES_MAX,
  });
  if (stdout === "") throw new Error(`The audit said nothing: ${stderr}`);
  return JSON.parse(stdout) as AuditReport & { readonly problemCount: number };
}

function secretOf(tenantId: string): string {
  return `sk-sluice-proof-${tenantId}`;
}

async function readUsage(url: string, tenantId: string): Promise<Usage> {
  const text = await askAdmin(`${url}/admin/v1/tenants/${tenantId}/usage`);
  const { open_holds: openHolds, windows } = JSON.parse(text) as {
    readonly open_holds: number;
    readonly windows: readonly UsageRow[];
  };
  return { openHolds, rows: windows };
}

async function askAdmin(url: string): Promise<string> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${ADMIN_SECRET}` } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

async function exportJournal(url: string, tenantId: string, afterSeq: number): Promise<string> {
  let journal = "";
  for (let after = afterSeq; ;) {
    const text = await askAdmin(
      `${url}/admin/v1/tenants/${tenantId}/journal?after=${after}&limit=${PAGE_LINES}`,
    );
    const end = text.trimEnd().split("\n").at(-1) ?? "";
    const { chain } = JSON.parse(end) as { readonly chain: { readonly nextSeq: number } };
    if (chain.nextSeq === after) return journal;
    journal += text;
    after = chain.nextSeq;
  }
}

function documentsOf({ simulatorUrl, tenants, policy }: ProofSettings) {
  return {
    catalog: {
      version: "proof",
      upstreams: [
        { id: "simulator", engine: "vllm", baseUrl: `${simulatorUrl}/v1`, breaker: NEVER },
      ],
      models: [
        {
          id: "small",
          upstream: "simulator",
          name: "sim-small",
          contextTokens: 32_768,
          outputTokensMax: 8192,
          capabilities: ["temperature", "stream-usage"],
          prices: {
            version: "proof",
            inputNanosPerMtok: 100_000_000,
            cachedInputNanosPerMtok: 50_000_000,
            outputNanosPerMtok: 400_000_000,
          },
        },
      ],
    },
    policies: [
      { name: "proof", version: "1", modes: { short: "small" }, attemptsMax: 1, ...policy },
    ],
    organisations: [],
    tenants: tenants.map((tenant) => ({ name: "Proof", policy: "proof", ...tenant })),
    keys: tenants.map(({ id }) => ({ secret: secretOf(id), document: { id, tenant: id } })),
  };
}
