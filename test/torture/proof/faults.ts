// Clients that leave and upstreams that stall, die, lie or say nothing of what they used: each call ends once, and is charged
// by the rule of how it ended, never nothing.
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import type { Certainty } from "../../../policies/account.ts";
import { readCalls, type Posted, type ProofCall } from "./calls.ts";
import { hear, type Heard } from "./client.ts";
import { Findings, proved, type Proved } from "./findings.ts";
import { auditOf, startProofGateway, type ProofGateway } from "./gateway.ts";

const TENANT = "faults";
const LIMIT = 9_000_000_000_000;
/** The silence that counts as a fault is longer than the heartbeats that find a client gone. */
const POLICY = { gateMs: 300, heartbeatMs: 200, idleMs: 1500, deadlineMs: 6000 };
const UNSEEN_MS_PER_TOKEN = 10;

interface Case {
  readonly name: string;
  /** A word to the simulator. */
  readonly order?: string;
  readonly isStream?: boolean;
  readonly leavesAfterChunks?: number;
  readonly leavesAfterHeartbeats?: number;
  readonly ending: string;
  readonly certainty: Certainty;
}

/** Half of the chunks of the answers that come here. */
const HALF = 12;

const CASES: readonly Case[] = [
  { name: "nothing happens", ending: "complete", certainty: "exact" },
  { name: "leaves at chunk 0", leavesAfterChunks: 0, ending: "client-left", certainty: "at_least" },
  { name: "leaves at chunk 1", leavesAfterChunks: 1, ending: "client-left", certainty: "at_least" },
  {
    name: "leaves at half",
    leavesAfterChunks: HALF,
    ending: "client-left",
    certainty: "at_least",
  },
  {
    name: "leaves while the upstream is silent in the middle",
    order: "stall",
    leavesAfterHeartbeats: 1,
    ending: "client-left",
    certainty: "at_least",
  },
  {
    name: "leaves while the upstream has said nothing",
    order: "silent",
    leavesAfterHeartbeats: 1,
    ending: "client-left",
    certainty: "unknown",
  },
  { name: "stalls", order: "stall", ending: "upstream-broke", certainty: "at_least" },
  { name: "says nothing", order: "silent", ending: "upstream-broke", certainty: "unknown" },
  { name: "dies", order: "cut", ending: "upstream-broke", certainty: "at_least" },
  { name: "dies at once", order: "cut-early", ending: "upstream-broke", certainty: "unknown" },
  {
    name: "fails in the middle",
    order: "error-mid-stream",
    ending: "upstream-broke",
    certainty: "at_least",
  },
  { name: "lies about usage", order: "lying-usage", ending: "complete", certainty: "exact" },
  { name: "omits usage", order: "no-usage", ending: "complete", certainty: "at_least" },
  {
    name: "dies, of a whole answer",
    order: "cut",
    isStream: false,
    ending: "upstream-broke",
    certainty: "unknown",
  },
  {
    name: "stalls, of a whole answer",
    order: "stall",
    isStream: false,
    ending: "cut-off",
    certainty: "unknown",
  },
  {
    name: "lies about usage, of a whole answer",
    order: "lying-usage",
    isStream: false,
    ending: "complete",
    certainty: "exact",
  },
  {
    name: "omits usage, of a whole answer",
    order: "no-usage",
    isStream: false,
    ending: "complete",
    certainty: "at_least",
  },
];

export interface FaultSettings {
  readonly bundleFolder: string;
  readonly stateFolder: string;
  readonly repeats: number;
}

export async function proveFaults(settings: FaultSettings): Promise<Proved> {
  const { repeats, bundleFolder, stateFolder } = settings;
  const simulator = await startSimulator({ ...noLatency, decodeMsPerToken: 8 });
  const gateway = await startProofGateway({
    bundleFolder,
    stateFolder,
    simulatorUrl: simulator.url,
    policy: POLICY,
    tenants: [{ id: TENANT, limits: [{ dimension: "tokens", window: "day", limit: LIMIT }] }],
  });
  const findings = new Findings();
  try {
    const heard = new Map<string, readonly Heard[]>();
    for (const one of CASES)
      heard.set(
        one.name,
        await Promise.all(Array.from({ length: repeats }, () => suffer(gateway, one))),
      );
    const stands = await gateway.untilQuiet(TENANT);
    findings.demand(stands.openHolds === 0, () => `${stands.openHolds} holds stay open`);
    const journal = await gateway.journal(TENANT);
    const audit = auditOf(journal);
    findings.demand(
      audit.problemCount === 0 && audit.chain === "whole",
      () => `the audit says ${audit.chain}, ${JSON.stringify(audit.problems[0])}`,
    );
    const { calls } = readCalls(journal, "tokens", LIMIT);
    findings.demand(calls.size === CASES.length * repeats, () => `${calls.size} calls were held`);
    const charged: Record<string, unknown> = {};
    for (const one of CASES) {
      const ends = (heard.get(one.name) ?? []).map((each) => check(one, each, calls, findings));
      charged[one.name] = ends.map((end) => end?.charged.tokens ?? null);
    }
    return proved({ repeats, calls: calls.size, charged, audit: audit.chain }, findings);
  } finally {
    await gateway.close();
    await simulator.close();
  }
}

function suffer(gateway: ProofGateway, { order, ...one }: Case): Promise<Heard> {
  const { isStream, leavesAfterChunks, leavesAfterHeartbeats } = one;
  return hear({
    url: gateway.url,
    secret: gateway.secretOf(TENANT),
    text: `Tell me, at length, what a river is.${order === undefined ? "" : ` [[sim:${order}]]`}`,
    ...(isStream === undefined ? {} : { isStream }),
    ...(leavesAfterChunks === undefined ? {} : { leavesAfterChunks }),
    ...(leavesAfterHeartbeats === undefined ? {} : { leavesAfterHeartbeats }),
  });
}

function check(
  { name, ending, certainty }: Case,
  heard: Heard,
  calls: ReadonlyMap<string, ProofCall>,
  findings: Findings,
): Posted | null {
  const call = calls.get(`${heard.requestId}:1`);
  const [end] = call?.ends ?? [];
  const isOnce = call !== undefined && call.ends.length === 1;
  findings.demand(isOnce, () => `${name}: ${heard.requestId} ended ${call?.ends.length} times`);
  if (call === undefined || end === undefined) return null;
  if (end.op !== "settle") {
    findings.demand(false, () => `${name}: ${JSON.stringify(end)}`);
    return null;
  }
  findings.demand(
    end.ending === ending && end.certainty === certainty,
    () => `${name}: ended as ${end.ending}, ${end.certainty}`,
  );
  const { tokens } = end.charged;
  findings.demand(tokens > 0, () => `${name}: was charged nothing`);
  const owed = owedFor(call, end, heard);
  findings.demand(
    tokens >= owed.least && tokens <= owed.most,
    () => `${name}: was charged ${tokens}, and owed ${owed.least} to ${owed.most}`,
  );
  return end;
}

/** The rules, told a second time: as reported; input and what was seen; input and what may have been written unseen. */
function owedFor(
  { hold, heldOutputTokens, seenOutputTokens, seenAtMs }: ProofCall,
  end: Posted,
  { totalTokens, chunks }: Heard,
): { readonly least: number; readonly most: number } {
  const { inputTokens } = hold;
  switch (end.certainty) {
    case "exact":
      return { least: totalTokens ?? 0, most: totalTokens ?? 0 };
    case "at_least":
      // The gateway has seen at least what its client has; each chunk is a token or more.
      return {
        least: inputTokens + Math.max(chunks, seenOutputTokens, 1),
        most: inputTokens + heldOutputTokens,
      };
    case "unknown": {
      const unseen = Math.max(1, Math.ceil((end.atMs - seenAtMs) / UNSEEN_MS_PER_TOKEN));
      const owed = inputTokens + Math.min(heldOutputTokens, seenOutputTokens + unseen);
      return { least: owed, most: owed };
    }
  }
}
