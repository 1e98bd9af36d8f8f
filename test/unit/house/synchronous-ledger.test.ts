// Between a ledger's check and its act nothing may come: with one `await` between them forty calls of forty passed a limit of
// five. So nothing that decides or follows a decision waits, and no function of the object that admits, extends, settles or
// sweeps is async.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "..", "..", "..");

/** What changes or checks a balance, by the names that the object and its parts have for it. */
const TURNS = [
  ["hold", "extend", "checkpoint", "settle", "release", "refund", "revoke", "sweep", "act", "turn"],
  ["enact", "record", "apply", "admit", "carryOver"],
].flat();

const code = (text: string): string =>
  text
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\/\/.*$/gm, "")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""');

/** Words of waiting in code that must not wait at all. */
function waits(text: string): string[] {
  return [...code(text).matchAll(/\b(?:async|await|Promise|setTimeout)\b|\.then\(/g)].map(
    ([word]) => word,
  );
}

/** Functions of these names that are declared async, and transactions that are given an async function. */
function asyncTurns(text: string): string[] {
  const name = `#?(?:${TURNS.join("|")}|decide\\w*)`;
  const declared = new RegExp(
    `\\basync\\s+(?:function\\s+)?\\*?\\s*(${name})\\s*[<(]|\\b(${name})\\s*[:=]\\s*async\\b`,
    "g",
  );
  return [
    ...[...code(text).matchAll(declared)].map(([, left, right]) => left ?? right ?? ""),
    ...[...code(text).matchAll(/\btransactionSync\(\s*async\b/g)].map(() => "transactionSync"),
  ];
}

async function sources(folder: string, pattern: RegExp): Promise<[string, string][]> {
  const names = (await readdir(join(repository, folder))).filter((name) => pattern.test(name));
  expect(names.length).toBeGreaterThan(0);
  return Promise.all(
    names.map(async (name): Promise<[string, string]> => [
      `${folder}/${name}`,
      await readFile(join(repository, folder, name), "utf8"),
    ]),
  );
}

/** Hashing a chain waits for the platform, and decides nothing. */
const MAY_WAIT = new Set(["policies/ledger/chain.ts"]);

it("nothing in the pure ledger waits", async () => {
  for (const [path, text] of await sources("policies/ledger", /\.ts$/))
    if (!MAY_WAIT.has(path)) expect(waits(text), path).toEqual([]);
});

it("no turn of the object waits", async () => {
  for (const [path, text] of await sources("durable", /^ledger.*\.ts$/))
    expect(asyncTurns(text), path).toEqual([]);
});

describe("the check", () => {
  it.each([
    "class L { async hold(request) { return 1; } }",
    "class L { async #sweep() {} }",
    "export async function decideHold() {}",
    "const settle = async () => 1;",
    "const of = { extend: async (x) => x };",
    "storage.transactionSync(async () => 1)",
    "async function admit<T>(x: T) {}",
  ])("finds %s", (text) => {
    expect(asyncTurns(text)).toHaveLength(1);
  });

  it.each([
    "class L { hold(request) { return 1; } }",
    "class L { async journal() { await page(); } override async alarm() {} }",
    "// async hold() is what must not be",
    'throw new Error("async settle(")',
    "storage.transactionSync(() => 1)",
    "const holding = async () => 1;",
  ])("leaves %s alone", (text) => {
    expect(asyncTurns(text)).toEqual([]);
  });

  it("finds every word of waiting, and none in a comment", () => {
    expect(waits("async function x() { await y.then(z); return new Promise(r); }")).toHaveLength(4);
    expect(waits("/** A promise that awaits nothing: await. */ const awaited = 1;")).toEqual([]);
  });
});
