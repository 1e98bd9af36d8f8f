// What a person may set at the terminal, and how each mistake is answered.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readSettings, readVariables } from "../../../../worker/cli/settings.ts";

const upstream = { UPSTREAM_BASE_URL: "http://127.0.0.1:11434", UPSTREAM_MODEL: "qwen3:8b" };

it("listens on 8787 in front of the simulator when nothing is set", () => {
  expect(readSettings({}, "/state")).toEqual({ port: 8787, stateFolder: "/state", upstream: null });
});

it.each([
  ["http://127.0.0.1:11434", undefined, "http://127.0.0.1:11434/v1", "ollama"],
  ["http://127.0.0.1:11434/v1/", undefined, "http://127.0.0.1:11434/v1", "ollama"],
  ["https://api.openai.com/v1", undefined, "https://api.openai.com/v1", "openai"],
  ["http://gpu-1:8000/v1", undefined, "http://gpu-1:8000/v1", "generic"],
  ["http://gpu-1:8000/v1", "vllm", "http://gpu-1:8000/v1", "vllm"],
  ["https://host.example/api/v3", undefined, "https://host.example/api/v3", "generic"],
])("reads %s with engine %s", (address, engine, baseUrl, expected) => {
  const variables = { ...upstream, UPSTREAM_BASE_URL: address };
  const settings = readSettings(
    engine === undefined ? variables : { ...variables, UPSTREAM_ENGINE: engine },
    "/state",
  );
  expect(settings.upstream).toEqual({
    baseUrl,
    model: "qwen3:8b",
    hasApiKey: false,
    engine: expected,
  });
});

it.each([
  [{ PORT: "0" }, "PORT must be a whole number"],
  [{ PORT: "65536" }, "PORT must be a whole number"],
  [{ UPSTREAM_BASE_URL: "http://h/v1" }, "UPSTREAM_MODEL is missing"],
  [{ UPSTREAM_MODEL: "m" }, "UPSTREAM_BASE_URL is missing"],
  [{ ...upstream, UPSTREAM_BASE_URL: "127.0.0.1:11434" }, "must be an http or https URL"],
  [{ ...upstream, UPSTREAM_BASE_URL: "https://h/v1?key=k" }, "must end with its path"],
  [{ ...upstream, UPSTREAM_ENGINE: "olama" }, "must be one of openai, ollama, vllm, generic"],
])("refuses %j in one line", (variables, line) => {
  expect(() => readSettings(variables, "/state")).toThrow(line);
  expect(() => readSettings(variables, "/state")).not.toThrow("\n");
});

it("takes the environment over .dev.vars, and an empty value for none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-settings-"));
  const file = join(folder, ".dev.vars");
  await writeFile(file, 'PORT=1111\nUPSTREAM_MODEL="in the file"\nUPSTREAM_API_KEY=from-file\n');
  const variables = await readVariables(file, { PORT: "2222", UPSTREAM_MODEL: "" });
  await rm(folder, { recursive: true });
  expect(variables).toEqual({ PORT: "2222", UPSTREAM_API_KEY: "from-file" });
});

it("needs no .dev.vars", async () => {
  expect(await readVariables("/nowhere/.dev.vars", { PORT: "2222" })).toEqual({ PORT: "2222" });
});
