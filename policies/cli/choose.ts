// `npm run -s choose`: JSON Lines {id, text} in, one line {id, arm, mode, scores, reasons} each out.
//   node policies/cli/choose.ts --catalog catalog.json --policy policy.json [--policy-name NAME] [--weights FILE] [FILE ...] < queries.jsonl
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readQueries } from "../../classifiers/cli/query-lines.ts";
import type { Features } from "../../classifiers/features.ts";
import { openProbe } from "../../classifiers/cli/open-probe.ts";
import { endWithReader } from "../../classifiers/cli/reader-gone.ts";
import { parseCatalog, type Catalog } from "../catalog.ts";
import type { Choice } from "../choice.ts";
import { choose } from "../choose.ts";
import { armName } from "../mode.ts";
import type { Parsed } from "../parse.ts";
import { parsePolicy, type Policy } from "../policy.ts";

/** Characters that one input token holds, roughly, in English. */
const CHARS_PER_TOKEN = 4;

endWithReader();
const { catalogFile, policyFile, policyName, weightsFile, files } = readArguments();
const probe = open();
const catalog: Catalog = accept(parseCatalog(readJson(catalogFile)), catalogFile);
const policy: Policy = accept(parsePolicy(pickPolicy(readJson(policyFile))), policyFile);
const read = readQueries(files);
if (read.kind === "faulty") stop(read.problem);
process.stdout.write(
  read.queries.map(({ id, text }) => `${JSON.stringify({ id, ...chooseFor(text) })}\n`).join(""),
);

function chooseFor(text: string): object {
  const chosen = choose({
    features: probe(text),
    policy,
    catalog,
    modelsAllowed: null,
    asked: { mode: null, model: null, effort: null },
    conversation: { previous: null, isToolResult: false, prefixTokens: 0 },
    advice: null,
    chance: null,
    inputTokens: Math.ceil(text.length / CHARS_PER_TOKEN),
    needs: [],
    lambda: policy.lambda,
  });
  if (chosen.kind !== "chosen") stop(`the policy "${policy.name}" has no arm in this catalog`);
  const { choice } = chosen;
  const { arm } = choice.ladder[0];
  return {
    arm: armName(arm),
    mode: arm.mode,
    scores: scoresOf(choice),
    reasons: choice.ladder.map(({ arm: of, reason }) => ({ arm: armName(of), ...reason })),
  };
}

function open(): (text: string) => Features {
  const opened = openProbe(weightsFile);
  return opened.kind === "opened" ? opened.probe : stop(opened.problem);
}

/** The expected score of every arm that was weighed, best utility first. */
function scoresOf(choice: Choice): object {
  return Object.fromEntries(
    choice.weighed.map(({ arm, estimate }) => [armName(arm), round(estimate.score)]),
  );
}

/** Finer than anything that the priors know. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

function readArguments(): {
  catalogFile: string;
  policyFile: string;
  policyName: string | undefined;
  weightsFile: string | undefined;
  files: string[];
} {
  const options = {
    catalog: { type: "string" },
    policy: { type: "string" },
    "policy-name": { type: "string" },
    weights: { type: "string" },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    // parseArgs names the option that it does not know, which is what a person at a terminal needs.
    stop(error instanceof Error ? error.message : "unknown option");
  }
  const { catalog: catalogPath, policy: policyPath } = parsed.values;
  if (catalogPath === undefined || policyPath === undefined)
    stop("give --catalog FILE and --policy FILE");
  return {
    catalogFile: catalogPath,
    policyFile: policyPath,
    policyName: parsed.values["policy-name"],
    weightsFile: parsed.values.weights,
    files: parsed.positionals,
  };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    stop(error instanceof SyntaxError ? `${file} is not JSON` : `cannot read ${file}`);
  }
}

/** One policy, or the seed's form {"policies": [...]} of which `--policy-name` picks one; alone it needs no name. */
function pickPolicy(document: unknown): unknown {
  if (typeof document !== "object" || document === null || !("policies" in document))
    return document;
  const { policies } = document;
  if (!Array.isArray(policies)) stop(`${policyFile}: "policies" must be a list`);
  const named = policies as readonly { readonly name?: unknown }[];
  const found =
    policyName === undefined && named.length === 1
      ? named[0]
      : named.find((entry) => entry?.name === policyName);
  if (found === undefined)
    stop(
      `${policyFile} holds ${named.map((entry) => String(entry?.name)).join(", ")}; pick one with --policy-name`,
    );
  return found;
}

function accept<T>(parsed: Parsed<T>, file: string): T {
  if (parsed.kind === "parsed") return parsed.value;
  return stop(
    `${file}: ${parsed.faults.map(({ path, problem }) => `${path === "" ? "document" : path} ${problem}`).join("; ")}`,
  );
}

function stop(problem: string): never {
  process.stderr.write(`choose: ${problem}\n`);
  process.exit(1);
}
