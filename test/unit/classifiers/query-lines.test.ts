// Queries as JSON Lines, and the probe's command over them.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseQueries } from "../../../classifiers/cli/query-lines.ts";

const PROBE = join(import.meta.dirname, "../../../classifiers/cli/probe.ts");

function runProbe(
  input: string,
  ...options: string[]
): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROBE, ...options], {
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("lines", () => {
  test("end at a line feed and nowhere else", () => {
    const text = "one\u2028two\u2029three\rfour\u0085five";
    const line = `{"id":"a","text":"one\u2028two\u2029three\\rfour\u0085five"}`;
    expect(parseQueries(`${line}\n\n${line}`, "x")).toEqual({
      kind: "read",
      queries: [
        { id: "a", text },
        { id: "a", text },
      ],
    });
  });

  test("a mark of Unicode is passed over where the file begins, and is a fault elsewhere", () => {
    const line = '{"id":"a","text":"one"}';
    expect(parseQueries(`\uFEFF${line}`, "x")).toEqual({
      kind: "read",
      queries: [{ id: "a", text: "one" }],
    });
    expect(parseQueries(`${line}\n\uFEFF${line}`, "x")).toMatchObject({ kind: "faulty" });
  });

  test.each([
    ["no JSON", '{"id":1,"text":"a"}\n{oops'],
    ["no text", '{"id":1,"text":"a"}\n{"id":2}'],
    ["a text that is none", '{"id":1,"text":"a"}\n{"id":2,"text":3}'],
    ["no object", '{"id":1,"text":"a"}\nnull'],
  ])("a bad one is named by its number: %s", (_name, content) => {
    const read = parseQueries(content, "queries.jsonl");
    expect(read).toMatchObject({
      kind: "faulty",
      problem: expect.stringContaining("queries.jsonl, line 2") as unknown,
    });
  });
});

describe("the probe's command", () => {
  test("writes one line of features for each query, in order", () => {
    const { status, stdout } = runProbe(
      '{"id":"a","text":"Hello!"}\n{"id":7,"text":"What is 3 + 4?"}\n',
    );
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(status).toBe(0);
    expect(rows.map(({ id }) => id)).toEqual(["a", 7]);
    for (const row of rows)
      expect(Object.keys(row)).toEqual([
        "id",
        "difficulty",
        "hard",
        "kind",
        "expectedTokens",
        "confidence",
      ]);
  });

  test("ends without a word when nobody reads on", async () => {
    const probe = spawn(process.execPath, [PROBE], { stdio: "pipe" });
    let stderr = "";
    probe.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    probe.stdout.destroy();
    probe.stdin.end('{"id":1,"text":"Hello!"}\n'.repeat(20));
    const [status] = (await once(probe, "close")) as [number | null];
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("writes nothing and exits with 1 on a bad line, an unknown option, weights", () => {
    for (const run of [
      runProbe("nonsense"),
      runProbe("", "--odd"),
      runProbe("", "--weights", "w.bin"),
    ]) {
      expect(run.status).toBe(1);
      expect(run.stdout).toBe("");
      expect(run.stderr).toMatch(/^probe: /);
    }
  });
});
