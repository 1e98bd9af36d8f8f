// A deploy from its first question to its last: look, plan, do, seed, ask. Only here are the plan's steps carried out.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCatalog, type Catalog } from "../../../policies/catalog.ts";
import { StartFailure } from "../failure.ts";
import { seedGateway } from "../seed.ts";
import { writeConfiguration } from "./configuration.ts";
import { givenOf, refused, titleOf, type DeployOrder } from "./order.ts";
import { planDeployment, sayStep, secretNamesIn, type Plan, type Standing } from "./plan.ts";
import { smokeTest, untilHealthy } from "./smoke.ts";
import type { Wrangler } from "./wrangler.ts";

export async function deploy(order: DeployOrder): Promise<void> {
  const { log } = order;
  const standing = await look(order);
  const plan = planDeployment(standing, givenOf(order));
  if (plan.kind === "refused") throw refused(plan.refusals);
  log(["This deploy will:", ...plan.steps.map(sayStep)].join("\n  "));

  const { wrangler, committed } = order;
  const before = await wrangler.version(committed.workerName);
  const url = await upload(order, plan);
  log(`Deployed to ${url}.`);
  const asleep = await untilHealthy(url, order.waitMs);
  if (asleep !== null) throw unwell(`GET /healthz: ${asleep}`, before, committed.workerName);
  const isSeeded = plan.steps.some(({ kind }) => kind === "seed") && (await seed(order, url));
  const keySecret = isSeeded ? order.seeds.keySecret : order.variables["SLUICE_KEY"];
  const { isChatAsked, waitMs } = order;
  if (keySecret === undefined) log("Without SLUICE_KEY only what needs no key is asked.");
  const problem = await smokeTest(
    { url, keySecret: keySecret ?? null, isChatAsked, waitMs },
    (name) => log(`  right: ${name}`),
  );
  if (problem !== null) throw unwell(problem, before, committed.workerName);
  log("The gateway is up.");
}

async function look({ wrangler, committed, variables }: DeployOrder): Promise<Standing> {
  const accounts = await wrangler.accounts();
  if (accounts === null) return { kind: "signed-out" };
  if (accounts.length > 1 && variables["CLOUDFLARE_ACCOUNT_ID"] === undefined)
    return { kind: "several-accounts", accounts };
  const namespaceId = committed.namespaceId ?? (await wrangler.findNamespace(titleOf(committed)));
  return {
    kind: "seen",
    namespaceId,
    secretNames: await wrangler.secretNames(committed.workerName),
    catalog: namespaceId === null ? null : await readCatalog(wrangler, namespaceId),
  };
}

async function readCatalog(wrangler: Wrangler, namespaceId: string): Promise<Catalog | null> {
  const text = await wrangler.read(namespaceId, "catalog");
  if (text === null) return null;
  try {
    const parsed = parseCatalog(JSON.parse(text));
    if (parsed.kind === "parsed") return parsed.value;
  } catch {
    // No JSON: refused like a catalog with faults.
  }
  throw new StartFailure(
    "The catalog in KV is one that this version cannot read. Correct it through the admin API before deploying.",
  );
}

/** Makes what is missing and uploads the code with the secrets that are missing; answers the address. */
async function upload(
  { wrangler, toml, folder, committed, variables, url, log }: DeployOrder,
  plan: Extract<Plan, { kind: "planned" }>,
): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), "sluice-deploy-"));
  try {
    const step = plan.steps.find(({ kind }) => kind.startsWith("namespace-"));
    const namespaceId =
      step?.kind === "namespace-keep"
        ? step.id
        : await wrangler.createNamespace(titleOf(committed));
    const configurationFile = join(scratch, "wrangler.json");
    const secretNames = secretNamesIn(plan.steps);
    await writeFile(
      configurationFile,
      writeConfiguration(toml, { folder, namespaceId, secretNames }),
    );
    const added = plan.steps.flatMap((each) => (each.kind === "secrets-set" ? each.names : []));
    const secretsFile = added.length === 0 ? null : join(scratch, "secrets.json");
    if (secretsFile !== null) {
      const secrets = Object.fromEntries(added.map((name) => [name, variables[name]]));
      await writeFile(secretsFile, JSON.stringify(secrets), { mode: 0o600 });
    }
    log("Uploading.");
    const targets = await wrangler.deploy(configurationFile, secretsFile, join(scratch, "output"));
    return addressOf(url, targets);
  } finally {
    // It held secrets.
    await rm(scratch, { recursive: true, force: true });
  }
}

function addressOf(url: string | null, targets: readonly string[]): string {
  const address = url ?? targets.find((target) => /^https?:\/\/[^*\s]+$/.test(target));
  if (address === undefined)
    throw new StartFailure(
      `Deployed, and neither seeded nor tested: wrangler names no address (${targets.join(", ") || "nothing"}). Run again with --url https://...`,
    );
  return address.replace(/\/+$/, "");
}

/** Whether these seeds are now in force. */
async function seed(
  { seeds, variables, committed, log }: DeployOrder,
  url: string,
): Promise<boolean> {
  const answer = await seedGateway(url, variables["ADMIN_SECRET"] ?? "", seeds.documentText);
  switch (answer.kind) {
    case "seeded":
      log(
        `Seeded. The first key, of tenant ${seeds.tenantIds[0]}, is shown only now: ${seeds.keySecret}`,
      );
      return true;
    case "kept":
      log("It has a configuration already, which stays as it is.");
      return false;
    case "refused":
      throw new StartFailure(
        answer.status === 401
          ? `Deployed, but not seeded: the ADMIN_SECRET here is not the one at the Worker. To replace that one: npx wrangler secret put ADMIN_SECRET --name ${committed.workerName}`
          : `Deployed, but not seeded: ${answer.status ?? "no answer"}: ${answer.problem}\nRun again when that is mended.`,
      );
  }
}

function unwell(problem: string, before: string | null, workerName: string): StartFailure {
  const back =
    before === null
      ? "This is its first version, so there is none to go back to; `npx wrangler tail` shows what it says."
      : `To go back to the version before: npx wrangler rollback ${before} --name ${workerName}`;
  return new StartFailure(`The smoke test failed. ${problem}\n${back}`);
}
