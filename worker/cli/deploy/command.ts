// What stands behind `npm run deploy --`: its words and its environment become one order, and its end an exit code.
import { readFile } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { StartFailure } from "../failure.ts";
import { readSettings, readVariables } from "../settings.ts";
import { readCommitted } from "./configuration.ts";
import { readSeedDocuments } from "./documents.ts";
import type { DeployOrder } from "./order.ts";
import { rehearse } from "./rehearse.ts";
import { deploy } from "./run.ts";
import type { Wrangler } from "./wrangler.ts";

const repository = join(import.meta.dirname, "..", "..", "..");

const USAGE = `npm run deploy -- [options]
  --dry-run            check, bundle and say what would be done; no account, no network
  --documents FOLDER   seed a fresh gateway with these instead of kv-seeds/
  --url URL            where it answers, when it is a custom domain
  --chat               one chat call in the smoke test; costs a few tokens
Secrets come from the environment: ADMIN_SECRET, and those that the catalog names.`;

export interface DeployCommand {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly wrangler: Wrangler;
  readonly waitMs: number;
  readonly log: (line: string) => void;
  readonly complain: (line: string) => void;
}

export async function runDeployCommand(command: DeployCommand): Promise<0 | 1> {
  try {
    const options = readOptions(command.words);
    const order = await readOrder(command, options);
    await (options["dry-run"] === true ? rehearse(order) : deploy(order));
    return 0;
  } catch (error) {
    if (!(error instanceof StartFailure)) throw error;
    command.complain(error.message);
    return 1;
  }
}

async function readOrder(
  { environment, wrangler, waitMs, log }: DeployCommand,
  options: ReturnType<typeof readOptions>,
): Promise<DeployOrder> {
  // Not .dev.vars: what will do on this machine must not become a secret of the deployment by itself.
  const variables = await readVariables(devNull, environment);
  const { upstream } = readSettings(variables, "");
  if (upstream !== null && options.documents !== undefined)
    throw new StartFailure("--documents and UPSTREAM_BASE_URL exclude each other.");
  const toml = await readFile(join(repository, "wrangler.toml"), "utf8");
  return {
    wrangler,
    toml,
    folder: repository,
    committed: readCommitted(toml),
    seeds: await readSeedDocuments(options.documents ?? join(repository, "kv-seeds"), upstream),
    variables,
    url: options.url ?? null,
    isChatAsked: options.chat === true,
    waitMs,
    log,
  };
}

function readOptions(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        "dry-run": { type: "boolean" },
        documents: { type: "string" },
        url: { type: "string" },
        chat: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new StartFailure(`${(error as Error).message}\n${USAGE}`);
  }
}
