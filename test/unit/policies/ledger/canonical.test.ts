// Entries as canonical lines, and the chain over them.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lineOf } from "../../../../policies/ledger/canonical.ts";
import { CHAIN_START, linkAll, verifyPage } from "../../../../policies/ledger/chain.ts";
import { parseLine } from "../../../../policies/ledger/parse-line.ts";
import { entries, sha256 } from "./entry-samples.ts";

const LINE = '{"atMs":5,"callId":"a","op":"release","seq":1}';

describe("a line", () => {
  it("is read back as the entry that it was made of, whatever that is, and holds no line break", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), entries, (seq, entry) => {
        const line = lineOf({ seq, entry });
        expect(line).not.toContain("\n");
        expect(parseLine(line)).toEqual({ kind: "parsed", value: { seq, entry } });
      }),
    );
  });

  it("does not depend on the order in which an entry's fields were written", () => {
    const entry = { op: "release", callId: "a", atMs: 5 } as const;
    const turned = { atMs: 5, callId: "a", op: "release" } as const;
    expect(lineOf({ seq: 1, entry })).toBe(LINE);
    expect(lineOf({ seq: 1, entry: turned })).toBe(LINE);
  });

  it.each([
    ["no JSON", "{", "is not JSON"],
    ["a space", LINE.replace(":5", ": 5"), "is not canonical"],
    ["another order", '{"callId":"a","atMs":5,"op":"release","seq":1}', "is not canonical"],
    ["a number in another form", LINE.replace(":5", ":5e0"), "is not canonical"],
    ["a name twice", LINE.replace('"seq"', '"op":"release","seq"'), "is not canonical"],
    ["an unknown field", LINE.replace('"op"', '"more":1,"op"'), "unknown fields: more"],
    ["an unknown operation", LINE.replace("release", "gift"), "is not valid here"],
    ["a fraction", LINE.replace(":5", ":5.5"), "must be a whole number"],
    ["a negative time", LINE.replace(":5", ":-5"), "must be at least 0"],
    ["a number beyond 2^53", LINE.replace(":5", ":9007199254740993"), "must be"],
    ["no seq", '{"atMs":5,"callId":"a","op":"release"}', "is missing"],
    ["a list", "[]", "must be a"],
  ])("with %s is faulty, and says why", (_, line, problem) => {
    const parsed = parseLine(line);
    expect(parsed.kind).toBe("faulty");
    if (parsed.kind === "faulty")
      expect(parsed.faults.map((fault) => fault.problem).join("; ")).toContain(problem);
  });

  it("is never thrown at, whatever it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(["parsed", "faulty"]).toContain(parseLine(line).kind);
      }),
    );
  });
});

describe("the chain", () => {
  const lines = ["one", "two", "three"];

  it("is the same in pages of any size", async () => {
    const [first = "", second = "", third = ""] = await linkAll(CHAIN_START, lines, sha256);
    expect(await linkAll(first, ["two", "three"], sha256)).toEqual([second, third]);
    const page = { lines: ["three"], prevHash: second, hash: third };
    expect(await verifyPage(second, page, sha256)).toEqual({ kind: "whole", hash: third });
    expect(await verifyPage(null, page, sha256)).toEqual({ kind: "whole", hash: third });
    const end = { lines: [], prevHash: third, hash: third };
    expect(await verifyPage(third, end, sha256)).toEqual({ kind: "whole", hash: third });
  });

  it.each([
    ["altered", ["one", "tw0", "three"]],
    ["dropped", ["one", "three"]],
    ["doubled", ["one", "two", "two", "three"]],
    ["moved", ["two", "one", "three"]],
    ["joined to the next", ["one\ntwo", "three"]],
  ])("shows a line that was %s", async (_, others) => {
    const hash = (await linkAll(CHAIN_START, lines, sha256)).at(-1) ?? "";
    const page = { lines: others, prevHash: CHAIN_START, hash };
    expect(await verifyPage(CHAIN_START, page, sha256)).toMatchObject({ kind: "altered" });
  });

  it("shows a page that does not begin where the one before ended", async () => {
    const page = { lines: [], prevHash: "other", hash: "other" };
    expect(await verifyPage(CHAIN_START, page, sha256)).toEqual({
      kind: "parted",
      expected: CHAIN_START,
      found: "other",
    });
  });
});
