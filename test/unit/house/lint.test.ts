// Every rule of the linter that CONTRIBUTING.md leans on, shown to fire: a pattern that does not compile, or that a
// later override forgot to repeat, is silent and would look like obedience.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const repository = join(import.meta.dirname, "..", "..", "..");
/** One run of the linter over all files, type-aware, on a busy machine. */
const LINT_TIMEOUT_MS = 30_000;

const IMPORTS = "eslint(no-restricted-imports)";
const GLOBALS = "eslint(no-restricted-globals)";
const PROPERTIES = "eslint(no-restricted-properties)";

interface Case {
  readonly says: string;
  /** Folder in which the rule holds. */
  readonly folder: string;
  readonly rule: string;
  readonly wrong: string;
  /** The nearest thing that is allowed. */
  readonly right: string;
}

const uses = (from: string) => `import { x } from "${from}";\nexport const y = x;`;
const usesType = (from: string) => `import type { X } from "${from}";\nexport type Y = X;`;
const forbids = (folder: string, from: string, instead: string, says: string): Case => ({
  says,
  folder,
  rule: IMPORTS,
  wrong: uses(from),
  right: uses(instead),
});

const cases: readonly Case[] = [
  ...["worker", "durable", "policies", "test"].map((other) =>
    forbids("classifiers", `../${other}/x.ts`, "./x.ts", `classifiers/ imports no ${other}/`),
  ),
  ...["worker", "durable", "test"].map((other) =>
    forbids("policies", `../${other}/x.ts`, "./x.ts", `policies/ imports no ${other}/`),
  ),
  {
    says: "policies/ imports classifiers/ by type only",
    folder: "policies",
    rule: IMPORTS,
    wrong: uses("../classifiers/x.ts"),
    right: usesType("../classifiers/x.ts"),
  },
  ...["worker", "test"].map((other) =>
    forbids("durable", `../${other}/x.ts`, "../policies/x.ts", `durable/ imports no ${other}/`),
  ),
  ...["worker", "worker/dialect", "worker/upstream", "worker/strategy", "worker/admin"].flatMap(
    (folder) => {
      const up = "../".repeat(folder.split("/").length);
      return [
        forbids(folder, `${up}test/x.ts`, `${up}policies/x.ts`, `${folder}/ imports no test/`),
        {
          says: `${folder}/ imports durable/ by type only`,
          folder,
          rule: IMPORTS,
          wrong: uses(`${up}durable/x.ts`),
          right: usesType(`${up}durable/x.ts`),
        },
      ];
    },
  ),
  ...["dialect", "upstream", "strategy"].flatMap((name) => {
    const contract = name === "upstream" ? "engine" : name;
    const folder = `worker/${name}`;
    return [
      forbids(folder, "./other.ts", `./${contract}.ts`, `${folder}/ files import no sibling`),
      forbids(
        `${folder}/inner`,
        "../other.ts",
        `../${contract}.ts`,
        `${folder}/ files import no sibling from a folder of their own`,
      ),
      forbids(
        `${folder}/inner`,
        "../other/x.ts",
        "./x.ts",
        `${folder}/ files import nothing of a sibling's folder`,
      ),
    ];
  }),
  forbids("worker/stream", "../../policies/x.ts", "./x.ts", "stream/ imports nothing of ours"),
  forbids("worker/stream", "../failure.ts", "./failure.ts", "stream/ knows no failure of ours"),
  ...["classifiers", "policies", "worker/stream"].map((folder) =>
    forbids(folder, "cloudflare:workers", "./x.ts", `${folder}/ knows no platform`),
  ),
  ...["classifiers", "policies", "durable", "worker", "worker/dialect", "worker/stream"].flatMap(
    (folder) => [
      forbids(folder, "hono/tiny", "zod/mini", `${folder}/ declares no routes`),
      forbids(folder, "itty-durable/itty-durable", "zod/mini", `${folder}/ knows no itty-*`),
      forbids(folder, "node:fs", "zod/mini", `${folder}/ does not run in Node`),
    ],
  ),
  ...["classifiers", "policies", "durable"].map((folder) =>
    forbids(folder, "./weights.bin", "./weights.ts", `${folder}/ imports no weights`),
  ),
  forbids("classifiers/train", "../../policies/x.ts", "node:fs", "training runs in Node, alone"),
  forbids("policies/cli", "../../worker/x.ts", "node:fs", "programs of policies/ leave worker/ be"),
  forbids("durable/cli", "../../worker/x.ts", "node:fs", "programs of durable/ leave worker/ be"),
  forbids(
    "worker/cli",
    "../../test/unit/x.ts",
    "../../test/simulator/x.ts",
    "programs of worker/ start the simulator and no test",
  ),
  ...["classifiers", "policies"].flatMap((folder): Case[] => [
    {
      says: `${folder}/ has no clock`,
      folder,
      rule: PROPERTIES,
      wrong: "export const nowMs = Date.now();",
      right: "export const ms = Date.parse('2026-01-01');",
    },
    {
      says: `${folder}/ has no chance`,
      folder,
      rule: PROPERTIES,
      wrong: "export const chance = Math.random();",
      right: "export const half = Math.max(0, 0.5);",
    },
    {
      says: `${folder}/ makes no ids`,
      folder,
      rule: PROPERTIES,
      wrong: "export const id = crypto.randomUUID();",
      right: "export const make = (newId: () => string) => newId();",
    },
  ]),
  ...["classifiers", "policies", "durable", "worker", "worker/strategy"].map((folder): Case => ({
    says: `${folder}/ calls no upstream`,
    folder,
    rule: GLOBALS,
    wrong: "export const answer = fetch('https://example.com');",
    right: "export const call = (ask: { fetch: () => string }) => ask.fetch();",
  })),
  {
    says: "a promise is awaited",
    folder: "worker",
    rule: "typescript(no-floating-promises)",
    wrong: "const work = async () => 1;\nexport function go() { work(); }",
    right: "const work = async () => 1;\nexport async function go() { await work(); }",
  },
  {
    says: "a promise is no callback's answer",
    folder: "durable",
    rule: "typescript(no-misused-promises)",
    wrong: "export const go = (list: number[]) => list.forEach(async (n) => { await n; });",
    right: "export const go = (list: number[]) => list.forEach((n) => { void n; });",
  },
  {
    says: "only a promise is awaited",
    folder: "worker",
    rule: "typescript(await-thenable)",
    wrong: "export async function go() { await 1; }",
    right: "export async function go() { await Promise.resolve(1); }",
  },
  {
    says: "a switch knows every case",
    folder: "policies",
    rule: "typescript(switch-exhaustiveness-check)",
    wrong: "export function go(m: 'a' | 'b') { switch (m) { case 'a': return 1; } }",
    right:
      "export function go(m: 'a' | 'b') { switch (m) { case 'a': return 1; case 'b': return 2; } }",
  },
  {
    says: "nothing is any",
    folder: "worker",
    rule: "typescript(no-explicit-any)",
    wrong: "export const x: any = 1;",
    right: "export const x: unknown = 1;",
  },
];

interface Finding {
  readonly code?: string;
  readonly filename: string;
}

let scratch: string;
let findings: readonly Finding[];

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "sluice-lint-"));
  await cp(join(repository, ".oxlintrc.json"), join(scratch, ".oxlintrc.json"));
  const compilerOptions = { strict: true, target: "esnext", lib: ["esnext", "dom"], types: [] };
  await write("tsconfig.json", JSON.stringify({ compilerOptions }));
  for (const [index, { folder, wrong, right }] of cases.entries()) {
    await write(`${folder}/wrong-${index}.ts`, wrong);
    await write(`${folder}/right-${index}.ts`, right);
  }
  await write("worker/attempt.ts", "export const answer = fetch('https://example.com');");
  await write("worker/index.ts", uses("../durable/ledger.ts"));
  await write("worker/app.ts", uses("hono/tiny"));
  await write("durable/itty.ts", uses("itty-durable/itty-durable"));
  await write("worker/dialect/table.ts", uses("./chat.ts"));
  await write(
    "policies/cycle-a.ts",
    'import { b } from "./cycle-b.ts";\nexport const a = () => b;',
  );
  await write(
    "policies/cycle-b.ts",
    'import { a } from "./cycle-a.ts";\nexport const b = () => a;',
  );
  findings = await lint();
}, LINT_TIMEOUT_MS);

afterAll(() => rm(scratch, { recursive: true, force: true }));

it.each(cases.map((each, index) => ({ ...each, index })))("$says", ({ folder, rule, index }) => {
  expect(rulesAt(`${folder}/wrong-${index}.ts`)).toContain(rule);
  expect(rulesAt(`${folder}/right-${index}.ts`)).not.toContain(rule);
});

it("lets no import run in a circle", () => {
  expect(rulesAt("policies/cycle-a.ts")).toContain("import(no-cycle)");
});

it.each([
  ["worker/attempt.ts", "call an upstream"],
  ["worker/index.ts", "hand the objects on"],
  ["worker/app.ts", "declare routes"],
  ["durable/itty.ts", "know itty-*"],
  ["worker/dialect/table.ts", "list its siblings"],
])("lets %s %s", (file) => {
  expect(rulesAt(file)).toEqual([]);
});

function rulesAt(file: string): readonly string[] {
  return findings.filter(({ filename }) => filename === file).map(({ code }) => code ?? "");
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(scratch, file)), { recursive: true });
  await writeFile(join(scratch, file), `${text}\n`);
}

function lint(): Promise<readonly Finding[]> {
  const program = join(repository, "node_modules", "oxlint", "bin", "oxlint");
  return new Promise((resolve, reject) => {
    const words = [program, "--type-aware", "--format", "json"];
    // It exits 1 when it finds something, which is what it is here for.
    execFile(process.execPath, words, { cwd: scratch, maxBuffer: 64e6 }, (_, stdout, stderr) => {
      try {
        resolve((JSON.parse(stdout) as { readonly diagnostics: readonly Finding[] }).diagnostics);
      } catch {
        reject(new Error(`The linter did not run: ${stdout}${stderr}`));
      }
    });
  });
}
