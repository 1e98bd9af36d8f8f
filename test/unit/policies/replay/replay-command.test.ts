// The command that replays recorded questions, over files of its own.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";

const PROGRAM = join(import.meta.dirname, "../../../../policies/cli/replay.ts");
/** The weights that ship; a checkout without them tests only what is refused. */
const HAS_WEIGHTS = existsSync(join(import.meta.dirname, "../../../../classifiers/weights.bin"));
const folder = mkdtempSync(join(tmpdir(), "replay-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const lines = (rows: readonly object[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");

const IDS = Array.from({ length: 40 }, (_, index) => `q${index}`);
const QUERIES = lines(IDS.map((id, index) => ({ id, text: `What is ${index}\u2028+ 2?` })));
const OUTCOMES = lines(
  IDS.flatMap((id, index) => [
    { id, model: "w", mode: "direct", correct: index % 2, out_tokens: 5 },
    { id, model: "s", mode: "cot", correct: 1, out_chars: 400 },
    { id, model: "other", mode: "cot", correct: 1 },
  ]),
);
const ARMS = JSON.stringify([
  { arm: "weak", model: "w", mode: "direct", price: 1 },
  { arm: "strong", model: "s", mode: "cot", price: 10 },
]);
const queries = file("q.jsonl", QUERIES);
const outcomes = file("o.jsonl.gz", gzipSync(OUTCOMES));
const arms = file("arms.json", ARMS);

function run(...options: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...options], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}
const replay = (q: string, o: string, a: string, ...rest: string[]) =>
  run("--queries", q, "--outcomes", o, "--arms", a, ...rest);

test.runIf(HAS_WEIGHTS)(
  "one object on one line, of all questions or of the last half, the same for the same seed",
  () => {
    const { status, stdout, stderr } = replay(queries, outcomes, arms);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")).toHaveLength(2);
    const report = JSON.parse(stdout) as {
      n: number;
      router: { curve: { accuracy: number; tokens: number }[] };
    };
    expect(report.n).toBe(40);
    expect(report.router.curve.at(-1)).toMatchObject({ accuracy: 0.5, tokens: 5 });
    const online = replay(queries, outcomes, arms, "--online", "--seed", "3").stdout;
    expect((JSON.parse(online) as { n: number }).n).toBe(20);
    expect(replay(queries, outcomes, arms, "--online", "--seed", "3").stdout).toBe(online);
  },
);

test.runIf(HAS_WEIGHTS)("a question without every arm's outcome is left out, and said so", () => {
  const more = file("more.jsonl", `${QUERIES}${lines([{ id: "lonely", text: "Hello?" }])}`);
  const { status, stdout, stderr } = replay(more, outcomes, arms);
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as { n: number }).n).toBe(40);
  expect(stderr).toMatch(/1 questions lack an outcome/);
});

const unknown = file("unknown.json", ARMS.replace('"model":"s"', '"model":"nobody"'));
const wrong = file("wrong.jsonl", lines([{ id: "q0", model: "w", mode: "direct", correct: 2 }]));
const strangers = file("strangers.jsonl", lines([{ id: "x", text: "Hello?" }]));
test.each([
  ["no options", [], /give --queries FILE/],
  ["a missing file", ["nowhere.jsonl", outcomes, arms], /cannot read nowhere\.jsonl \(ENOENT\)/],
  [
    "an arm without outcomes",
    [queries, outcomes, unknown],
    /no outcome of strong \(model nobody, mode cot\)/,
  ],
  ["arms that are none", [queries, outcomes, queries], /is not JSON/],
  ["no questions", [file("empty.jsonl", ""), outcomes, arms], /holds no questions/],
  ["no outcomes", [queries, file("none.jsonl", "\n"), arms], /holds no outcomes/],
  [
    "questions of another set",
    [strangers, outcomes, arms],
    /no question of .* has an outcome of every arm/,
  ],
  [
    "a verdict out of range",
    [queries, wrong, arms],
    /line 1: "correct" must be a number from 0 to 1/,
  ],
  [
    "a line that is cut",
    [file("cut.jsonl", '{"id":'), outcomes, arms],
    /line 1: not a JSON object/,
  ],
  [
    "text that is none",
    [file("n.jsonl", '{"id":1,"text":2}\n'), outcomes, arms],
    /line 1: "text" must be text/,
  ],
  [
    "weights that are not there",
    [queries, outcomes, arms, "--weights", "nowhere.bin"],
    /cannot read the weights nowhere\.bin/,
  ],
  [
    "weights that are none",
    [queries, outcomes, arms, "--weights", queries],
    /the weights .* does not begin/,
  ],
  ["a seed that is none", [queries, outcomes, arms, "--seed", "x"], /--seed must be/],
  ["an option that is none", [queries, outcomes, arms, "--offline"], /--offline/],
])("it exits with 1 and says why: %s", (_name, given, problem) => {
  const [q, o, a, ...rest] = given;
  const { status, stdout, stderr } = q === undefined ? run() : replay(q, o!, a!, ...rest);
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(problem);
});

test.runIf(HAS_WEIGHTS)("files that begin with a mark of Unicode are read as without it", () => {
  const [plain, marked] = [
    replay(queries, outcomes, arms),
    replay(file("m.jsonl", `\uFEFF${QUERIES}`), file("mo.jsonl", `\uFEFF${OUTCOMES}`), arms),
  ];
  expect(marked).toEqual(plain);
  expect(marked.status).toBe(0);
});
