// `npm run deploy -- --dry-run`: checks the documents, bundles, and says what a first deploy would do. It needs neither
// account nor network, which is why CI runs it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeConfiguration } from "./configuration.ts";
import { givenOf, sayRefusal, type DeployOrder } from "./order.ts";
import { findRefusals, sayStep, secretNamesIn, stepsTo, type Seen } from "./plan.ts";

/** Stands where an account's id will be. */
const NO_NAMESPACE_YET = "0".repeat(32);
const EMPTY_ACCOUNT: Seen = { kind: "seen", namespaceId: null, secretNames: null, catalog: null };

export async function rehearse(order: DeployOrder): Promise<void> {
  const { wrangler, toml, folder, committed, seeds, log } = order;
  const { catalog, tenantIds } = seeds;
  log(`The documents are right. Models: ${catalog.models.length}, tenants: ${tenantIds.length}.`);
  const given = givenOf(order);
  const steps = stepsTo(EMPTY_ACCOUNT, given);
  const scratch = await mkdtemp(join(tmpdir(), "sluice-deploy-"));
  try {
    const file = join(scratch, "wrangler.json");
    const namespaceId = committed.namespaceId ?? NO_NAMESPACE_YET;
    const secretNames = secretNamesIn(steps);
    await writeFile(file, writeConfiguration(toml, { folder, namespaceId, secretNames }));
    log(await wrangler.rehearse(file));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  log(["A first deploy would:", ...steps.map(sayStep)].join("\n  "));
  const refusals = findRefusals(EMPTY_ACCOUNT, given);
  if (refusals.length > 0)
    log(["As things are it would be refused:", ...refusals.map(sayRefusal)].join("\n  "));
  log("A rehearsal: nothing was touched.");
}
