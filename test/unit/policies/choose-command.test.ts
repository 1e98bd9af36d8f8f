// The command that chooses for queries of a file, over the seeds.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../../..");
const SEEDS = [
  "--catalog",
  join(ROOT, "kv-seeds/catalog.json"),
  "--policy",
  join(ROOT, "kv-seeds/policies.json"),
];

function run(
  input: string,
  ...options: string[]
): { status: number | null; stdout: string; stderr: string } {
  const program = join(ROOT, "policies/cli/choose.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...options], {
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("each query gets one choice with its arm, scores and reasons", () => {
  const { status, stdout } = run(
    '{"id":"a","text":"Hello!"}\n',
    ...SEEDS,
    "--policy-name",
    "balanced",
  );
  expect(status).toBe(0);
  const row = JSON.parse(stdout) as {
    arm: string;
    mode: string;
    scores: Record<string, number>;
    reasons: { word: string }[];
  };
  expect(Object.keys(row)).toEqual(["id", "arm", "mode", "scores", "reasons"]);
  expect(row).toMatchObject({ id: "a", arm: "small/direct", mode: "direct" });
  expect(row.scores[row.arm]).toBeGreaterThan(0.9);
  expect(row.reasons[0]?.word).toBe("utility");
});

test.each([
  ["no policy named among several", SEEDS, /pick one with --policy-name/],
  ["no catalog", SEEDS.slice(2), /give --catalog FILE and --policy FILE/],
  ["a policy that is none", ["--catalog", SEEDS[1]!, "--policy", SEEDS[1]!], /name is missing/],
  ["a file that is not there", ["--catalog", "nowhere.json", "--policy", SEEDS[3]!], /cannot read/],
])("it exits with 1 and says why: %s", (_name, options, problem) => {
  const { status, stdout, stderr } = run('{"id":"a","text":"Hello!"}\n', ...options);
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(problem);
});
