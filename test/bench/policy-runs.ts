// Questions through the built gateway under one policy after another, with the simulator behind every model, and what
// came of each: which mode ran, what it cost by the catalog's prices, and whether the answer was right.
import { join } from "node:path";
import { parseCatalog, type Catalog } from "../../policies/catalog.ts";
import { readSeeds } from "../../worker/cli/documents.ts";
import { startGateway } from "../../worker/cli/gateway.ts";
import { noLatency } from "../simulator/settings.ts";
import { startSimulator } from "../simulator/simulator.ts";
import type { RealQuestion } from "./real-questions.ts";

const SEED_FOLDER = join(import.meta.dirname, "..", "..", "kv-seeds");
const SECRET = "sk-sluice-policies";
const TENANT = "policies";
/** As many as two cores serve without waiting for each other. */
const AT_ONCE = 8;

export interface Outcome {
  readonly mode: string;
  readonly model: string;
  readonly outputTokens: number;
  readonly costNanos: number;
  /** Null where the simulator does not know. */
  readonly isRight: boolean | null;
}

export interface PolicyRuns {
  /** The seeded policies, by name. */
  readonly policies: readonly string[];
  /** `model`: `auto`, or `auto:` and a mode. */
  run(
    policy: string,
    model: string,
    questions: readonly RealQuestion[],
  ): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}

export async function startPolicyRuns(bundleFolder: string, seed: number): Promise<PolicyRuns> {
  const simulator = await startSimulator({ ...noLatency, seed });
  const seeds = await readSeeds(SEED_FOLDER);
  const catalog = catalogAt(seeds.catalog, `${simulator.url}/v1`);
  const policies = (seeds.policies as readonly { readonly name: string }[]).map(({ name }) => name);
  const gateway = await startGateway({
    port: 0,
    stateFolder: null,
    bundleFolder,
    documents: {
      catalog,
      policies: seeds.policies,
      organisations: [],
      // Without limits: no policy may win because another ran out of budget.
      tenants: [{ id: TENANT, name: "Policies", policy: policies[0], policies }],
      keys: [{ secret: SECRET, document: { id: TENANT, tenant: TENANT } }],
    },
    secrets: {},
  });
  return {
    policies,
    run: async (policy, model, questions) => {
      const outcomes: Outcome[] = [];
      let next = 0;
      const work = async (): Promise<void> => {
        for (let index = next++; index < questions.length; index = next++)
          outcomes[index] = await ask(gateway.url, catalog, policy, model, questions[index]!);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      // What a replica has cached of one policy's questions must not make the next one cheaper.
      simulator.reset();
      return outcomes;
    },
    close: async () => {
      await gateway.dispose();
      await simulator.close();
    },
  };
}

interface Answer {
  readonly choices: readonly [{ readonly message: { readonly content: string | null } }];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

async function ask(
  url: string,
  catalog: Catalog,
  policy: string,
  model: string,
  { text, answer }: RealQuestion,
): Promise<Outcome> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${SECRET}`,
      "content-type": "application/json",
      "x-sluice-policy": policy,
    },
    body: JSON.stringify({ model, messages: [{ role: "user", content: text }] }),
  });
  if (response.status !== 200)
    throw new Error(`${policy} answered ${response.status}: ${await response.text()}`);
  const { choices, usage } = (await response.json()) as Answer;
  const ran = response.headers.get("x-sluice-model") ?? "";
  const said = choices[0].message.content ?? "";
  return {
    mode: response.headers.get("x-sluice-mode") ?? "",
    model: ran,
    outputTokens: usage.completion_tokens,
    costNanos: costNanos(catalog, ran, usage),
    isRight: answer === null ? null : finalAnswer(said) === answer,
  };
}

function costNanos(catalog: Catalog, model: string, usage: Answer["usage"]): number {
  const prices = catalog.models.find(({ id }) => id === model)?.prices;
  if (prices === undefined) throw new Error(`The catalog has no prices for "${model}".`);
  const cachedTokens = usage.prompt_tokens_details.cached_tokens;
  return Math.ceil(
    ((usage.prompt_tokens - cachedTokens) * prices.inputNanosPerMtok +
      cachedTokens * prices.cachedInputNanosPerMtok +
      usage.completion_tokens * prices.outputNanosPerMtok) /
      1_000_000,
  );
}

/** As the simulator marks it: what follows the last `Answer:`, or the whole of a direct answer. */
function finalAnswer(content: string): string {
  return content.split("Answer:").at(-1)?.trim() ?? "";
}

function catalogAt(document: unknown, baseUrl: string): Catalog {
  const parsed = parseCatalog(document);
  if (parsed.kind === "faulty") throw new Error("The seeded catalog is faulty.");
  const upstreams = parsed.value.upstreams.map((upstream) => ({ ...upstream, baseUrl }));
  return { ...parsed.value, upstreams };
}
