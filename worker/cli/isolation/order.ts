// What an isolation test is told on its command line and by its environment.
import { parseArgs } from "node:util";
import { StartFailure } from "../failure.ts";

const GATEWAY = "http://127.0.0.1:8787";

export const USAGE = `npm run -s isolation-test -- --upstream NAME [options]

Asks each replica of an upstream one made-up prompt twice under one salt and once under another, and keeps at the
gateway what came of it. A replica at which the other salt finds the prompt gets no calls from then on. Of an upstream
without a pool nothing is kept and nothing follows: declare a pool of one replica for that.

  --upstream NAME   as the catalog calls it
  --gateway URL     whose catalog (default ${GATEWAY})
  --model ID        one of the upstream's, as the catalog calls it (default: the first)
  --replica ID      only this one; may stand several times
  --seed TEXT       what the prompt is made from (default: chance); a seed that was used before is in caches already
  --dry-run         tests, and keeps nothing
  --forget          tests nothing, and takes back what was kept before
  --help

Environment: ADMIN_SECRET of the gateway, and the upstream's API key under the name that the catalog gives its secret.`;

export interface IsolationOrder {
  readonly gateway: { readonly url: string; readonly adminSecret: string };
  readonly upstream: string;
  readonly model: string | null;
  /** Empty: all. */
  readonly replicas: readonly string[];
  readonly seed: string;
  readonly keeps: boolean;
  readonly forgets: boolean;
  /** A secret of the environment. */
  secret(name: string): string | null;
}

const OPTIONS = {
  upstream: { type: "string" },
  gateway: { type: "string", default: GATEWAY },
  model: { type: "string" },
  replica: { type: "string", multiple: true, default: [] as string[] },
  seed: { type: "string" },
  "dry-run": { type: "boolean", default: false },
  forget: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Null: help was asked for. */
export function readOrder(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  chance: string,
): IsolationOrder | null {
  const values = readWords(words);
  if (values.help) return null;
  const { upstream } = values;
  if (!upstream) throw new StartFailure(`--upstream is missing.\n${USAGE}`);
  if (values["dry-run"] && values.forget)
    throw new StartFailure("--dry-run and --forget exclude each other.");
  const adminSecret = environment["ADMIN_SECRET"];
  if (!adminSecret)
    throw new StartFailure(
      "ADMIN_SECRET is not set; `npm start` keeps its own in .sluice/admin-secret.",
    );
  return {
    gateway: { url: readGateway(values.gateway), adminSecret },
    upstream,
    model: values.model ?? null,
    replicas: values.replica,
    seed: values.seed ?? chance,
    keeps: !values["dry-run"],
    forgets: values.forget,
    secret: (name) => environment[name] || null,
  };
}

function readWords(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS }).values;
  } catch (error) {
    throw new StartFailure(`${(error as Error).message}\n${USAGE}`);
  }
}

function readGateway(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/")
    throw new StartFailure(`--gateway must be an http or https URL without a path, not "${text}".`);
  return url.origin;
}
