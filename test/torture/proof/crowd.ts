// A crowd of streams against a budget that fits a tenth of it: never above, nothing lost, and nobody refused who fits.
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator } from "../../simulator/simulator.ts";
import { readCalls, type ProofCall } from "./calls.ts";
import { hear, type Heard } from "./client.ts";
import { Findings, proved, type Proved } from "./findings.ts";
import { auditOf, startProofGateway, type ProofGateway } from "./gateway.ts";
import { watch } from "./watch.ts";

const TENANT = "crowd";
const CAP_TOKENS = 400;
/** What the gateway holds for the crowd's question, which is as long for everybody; the proof checks it. */
const INPUT_TOKENS = 90;
/** What the gateway holds at least for an answer of this mode (worker/prepare.ts). */
const OUTPUT_TOKENS_MIN = 128;
/** A busy budget is asked again much sooner than its refusal advises, so that it is refused often. */
const AGAIN_MS = 100;
/** 200 streams on a machine that is shared may be slow; no fault may end them. */
const POLICY = { gateMs: 60_000, heartbeatMs: 5_000, idleMs: 60_000, deadlineMs: 120_000 };

export interface CrowdSettings {
  readonly bundleFolder: string;
  readonly stateFolder: string;
  readonly streams: number;
  /** How many whole calls the budget fits. */
  readonly fits: number;
}

export async function proveCrowd(settings: CrowdSettings): Promise<Proved> {
  const { streams, fits, bundleFolder, stateFolder } = settings;
  const limit = fits * (INPUT_TOKENS + CAP_TOKENS);
  const simulator = await startSimulator({ ...noLatency, firstByteMs: 100, decodeMsPerToken: 4 });
  const gateway = await startProofGateway({
    bundleFolder,
    stateFolder,
    simulatorUrl: simulator.url,
    policy: POLICY,
    tenants: [{ id: TENANT, limits: [{ dimension: "tokens", window: "day", limit }] }],
  });
  try {
    return await run(gateway, streams, limit);
  } finally {
    await gateway.close();
    await simulator.close();
  }
}

async function run(gateway: ProofGateway, streams: number, limit: number): Promise<Proved> {
  const findings = new Findings();
  const unwatch = watch(gateway, TENANT, findings);
  const heard = await Promise.all(
    Array.from({ length: streams }, (_, index) => untilServed(gateway, index)),
  );
  const stands = await gateway.untilQuiet(TENANT);
  const watched = await unwatch();
  const answers = heard.flat();
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429);
  const journal = await gateway.journal(TENANT);
  const told = readCalls(journal, "tokens", limit);
  const audit = auditOf(journal);

  findings.demand(
    served.length + refused.length === answers.length,
    () => "others than 200 and 429",
  );
  findings.demand(stands.openHolds === 0, () => `${stands.openHolds} holds stay open`);
  findings.demand(audit.problemCount === 0, () => JSON.stringify(audit.problems[0]));
  findings.demand(audit.chain === "whole", () => `the chain is ${audit.chain}`);
  findings.demand(told.highest <= limit, () => `the journal passes ${told.highest} of ${limit}`);
  findings.demand(told.calls.size === served.length, () => `${told.calls.size} calls were held`);
  for (const answer of served) checkServed(answer, told.calls, findings);
  for (const answer of refused) checkRefused(answer, told.remaining, findings);

  const [row] = stands.rows.filter((one) => one.scope === "tenant" && one.limit !== null);
  const spent = row?.spent ?? 0;
  const used = served.reduce((sum, { totalTokens }) => sum + (totalTokens ?? 0), 0);
  findings.demand(spent === used, () => `${spent} were spent, and clients saw ${used}`);
  const exact = [...told.calls.values()].filter(({ ends: [end] }) =>
    end !== undefined && "certainty" in end ? end.certainty === "exact" : false,
  );
  const codes = (code: string): number => refused.filter((one) => one.code === code).length;
  return proved(
    {
      streams,
      limit,
      ...watched,
      journalHighest: told.highest,
      served: served.length,
      exact: exact.length,
      spent,
      seenByClients: used,
      usedShare: spent / limit,
      over: row?.over ?? 0,
      refusedBusy: codes("budget_busy"),
      refusedSpent: refused.length - codes("budget_busy"),
      refusedThoughTheyFit: refused.filter(({ remainingTokens }) => fitsIn(remainingTokens)).length,
    },
    findings,
  );
}

/** All that one client hears: while the budget is only held by others it asks again. */
async function untilServed(gateway: ProofGateway, index: number): Promise<readonly Heard[]> {
  const heard: Heard[] = [];
  for (;;) {
    const answer = await hear({
      url: gateway.url,
      secret: gateway.secretOf(TENANT),
      // As many bytes for each, so that each needs as much.
      text: `Tell me, at length and as if I were ${100 + index} years old, what a river is.`,
      outputTokensMax: CAP_TOKENS,
    });
    heard.push(answer);
    if (answer.code !== "budget_busy") return heard;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function checkServed(
  { requestId, totalTokens, isWhole, code }: Heard,
  calls: ReadonlyMap<string, ProofCall>,
  findings: Findings,
): void {
  const call = calls.get(`${requestId}:1`);
  const [end] = call?.ends ?? [];
  findings.demand(
    call !== undefined && call.ends.length === 1,
    () => `${requestId} ended not once`,
  );
  if (call === undefined || end === undefined) return;
  findings.demand(
    call.hold.inputTokens === INPUT_TOKENS,
    () => `${requestId} held ${call.hold.inputTokens} of input`,
  );
  findings.demand(isWhole, () => `${requestId} did not come to its end: ${code}`);
  findings.demand(
    "charged" in end && end.charged.tokens === totalTokens,
    () => `${requestId} told ${totalTokens} and was charged ${JSON.stringify(end)}`,
  );
}

/** Nobody whose least would have fitted is refused, and what a refusal says was left is what was left at some instant. */
function checkRefused(
  { requestId, remainingTokens, code, message }: Heard,
  remaining: ReadonlySet<number>,
  findings: Findings,
): void {
  findings.demand(
    !fitsIn(remainingTokens),
    () => `${requestId} was refused (${code}) though ${remainingTokens} remained: ${message}`,
  );
  findings.demand(
    remainingTokens !== null && remaining.has(remainingTokens),
    () => `${requestId} was told that ${remainingTokens} remain, which never was so`,
  );
}

function fitsIn(remainingTokens: number | null): boolean {
  return remainingTokens === null || remainingTokens >= INPUT_TOKENS + OUTPUT_TOKENS_MIN;
}
