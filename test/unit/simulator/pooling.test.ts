// The simulator as a pooling server: states that a head can tell apart, always the same, and its lies.
import { afterAll, beforeAll, expect, test } from "vitest";
import { readDifficulty } from "../../../policies/diffadapt-head.ts";
import { poolingBody, readPooled } from "../../../worker/upstream/wire/pooling.ts";
import { simulatorHead } from "../../journey/support/difficulty-head.ts";
import { generateItem } from "../../simulator/items/generate.ts";
import { noLatency } from "../../simulator/settings.ts";
import { startSimulator, type Simulator } from "../../simulator/simulator.ts";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator(noLatency);
});
afterAll(() => simulator.close());

async function pool(body: string): Promise<string> {
  const response = await fetch(`${simulator.url}/v1/embeddings`, { method: "POST", body });
  return response.text();
}

test.each([
  [0, "easy"],
  [2, "normal"],
  [6, "hard"],
] as const)(
  "questions of %d steps read as %s, and the same at every asking",
  async (steps, class_) => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const { text: question } = generateItem(seed, "arithmetic", steps);
      const body = poolingBody("sim-large", question);
      const text = await pool(body);
      expect(await pool(body)).toBe(text);
      const pooled = readPooled(text);
      if (pooled.kind !== "state") throw new Error(pooled.problem);
      expect(pooled.inputTokens).toBeGreaterThan(0);
      expect(readDifficulty(simulatorHead("sim-large"), pooled.state)).toMatchObject({
        kind: "read",
        class: class_,
      });
    }
  },
);

test("a list of numbers says the same as base64", async () => {
  const body = poolingBody("sim-mid", "What is 2 + 3?");
  const listed = JSON.stringify({ ...(JSON.parse(body) as object), encoding_format: "float" });
  const [encoded, list] = [readPooled(await pool(body)), readPooled(await pool(listed))];
  expect(list).toEqual(encoded);
});

test.each([
  ["sim-large!wrong-width", "it holds 63 numbers, not 64"],
  ["sim-large!not-a-number", "it holds what is no finite number"],
])("%s cannot be read", async (model, problem) => {
  const pooled = readPooled(await pool(poolingBody(model, "What is 2 + 3?")));
  if (pooled.kind !== "state") throw new Error(pooled.problem);
  expect(readDifficulty(simulatorHead("sim-large"), pooled.state)).toEqual({
    kind: "unsound",
    problem,
  });
});

test("a state is normalised unless it is asked not to be, and then cannot be read", async () => {
  const body = JSON.parse(poolingBody("sim-large", "What is 2 + 3?")) as object;
  const pooled = readPooled(await pool(JSON.stringify({ ...body, use_activation: true })));
  if (pooled.kind !== "state") throw new Error(pooled.problem);
  expect(readDifficulty(simulatorHead("sim-large"), pooled.state)).toEqual({
    kind: "unsound",
    problem: "it was normalised",
  });
});

test.each([
  ["nothing", ""],
  ["no JSON", "<html>"],
  ["a list", "[]"],
  ["no data", '{"data":[]}'],
  ["data that is no embedding", '{"data":[{"embedding":{}}]}'],
  ["an empty embedding", '{"data":[{"embedding":""}]}'],
  ["an embedding that is no base64", '{"data":[{"embedding":"***"}]}'],
  ["bytes that are no floats", '{"data":[{"embedding":"AAAA"}]}'],
])("an answer of %s holds no state", (_, text) => {
  expect(readPooled(text)).toMatchObject({ kind: "unlike" });
});

test("numbers that are none become a state that no head reads, and a count that is none is no count", () => {
  const read = readPooled('{"data":[{"embedding":[1,null,"2"]}],"usage":{"prompt_tokens":"many"}}');
  expect(read).toEqual({
    kind: "state",
    state: Float32Array.from([1, Number.NaN, Number.NaN]),
    inputTokens: null,
  });
});
