// What CONTRIBUTING.md asks of every file, as far as a machine can see it.
import { readFileSync, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { expect, it } from "vitest";

const repository = join(import.meta.dirname, "..", "..", "..");
const FOLDERS = ["worker", "durable", "classifiers", "policies", "test"] as const;
/** Names that say where a thing was put and not what it does. */
const HOMELESS = /^(utils?|helpers?|common|types|managers?|services?|handlers?)$/;

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(repository, join(entry.parentPath, entry.name))),
);

it("begins each file with its charge", () => {
  const silent = files.filter(
    (file) => !/^(\/\/|\/\*)/.test(readFileSync(join(repository, file), "utf8")),
  );
  expect(silent).toEqual([]);
});

it("gives each file and folder a name that says what it does", () => {
  const homeless = files.filter((file) =>
    file.split("/").some((part) => HOMELESS.test(basename(part, ".ts").replace(/\.test$/, ""))),
  );
  expect(homeless).toEqual([]);
});

it("names in wrangler.toml, for each binding, files that are there", () => {
  const text = readFileSync(join(repository, "wrangler.toml"), "utf8");
  const named = [...text.matchAll(/\b(?:worker|durable|policies|classifiers)\/[\w/-]+\.ts/g)];
  expect(named.length).toBeGreaterThan(10);
  expect(named.map(([file]) => file).filter((file) => !files.includes(file))).toEqual([]);
});

it("has one index.ts, the Worker's entry, and no barrels", () => {
  expect(files.filter((file) => basename(file) === "index.ts")).toEqual(["worker/index.ts"]);
});
