// What an isolate keeps of heads and of their replicas: how long, how many, and what becomes of what cannot be read.
import { describe, expect, it } from "vitest";
import type { Model } from "../../../policies/catalog.ts";
import { DifficultyHeads, newDifficultyMemory } from "../../../worker/difficulty-heads.ts";
import { simulatorHeadBytes } from "../../journey/support/difficulty-head.ts";
import { CATALOG } from "../policies/choose-questions.ts";

const WIDTH = 4;

function modelOf(id: string, changes: object = {}): Model {
  const pooling = { upstream: "up", name: id, width: WIDTH, ...changes };
  return { ...CATALOG.models[0]!, id, pooling };
}

/** A KV of heads, whose reads are counted and may be made to fail. */
function kvOf(values: Record<string, Uint8Array>) {
  const kv = { reads: 0, isDown: false };
  const get = async (key: string): Promise<ArrayBuffer | null> => {
    kv.reads += 1;
    if (kv.isDown) throw new Error("KV is down.");
    return (values[key]?.slice().buffer as ArrayBuffer | undefined) ?? null;
  };
  return { kv, get: get as unknown as KVNamespace["get"] };
}

function headsOf(values: Record<string, Uint8Array>) {
  const { kv, get } = kvOf(values);
  const clock = { ms: 1_000_000 };
  return { kv, clock, heads: new DifficultyHeads({ get }, newDifficultyMemory(), () => clock.ms) };
}

const GOOD = { "difficulty-head:a": simulatorHeadBytes("a", WIDTH) };

describe("a head", () => {
  it("is read once in five minutes, and stays in force while KV is away", async () => {
    const { kv, clock, heads } = headsOf(GOOD);
    for (let times = 0; times < 3; times += 1)
      expect(await heads.find(modelOf("a"))).toMatchObject({ kind: "found" });
    expect(kv.reads).toBe(1);
    clock.ms += 300_001;
    kv.isDown = true;
    expect(await heads.find(modelOf("a"))).toMatchObject({ kind: "found" });
    expect(kv.reads).toBe(2);
  });

  it("that is not there is looked for again after half a minute, and found when it was put there", async () => {
    const values: Record<string, Uint8Array> = {};
    const { kv, clock, heads } = headsOf(values);
    const missing = { kind: "absent", reason: "there is no difficulty-head:a" };
    expect(await heads.find(modelOf("a"))).toEqual(missing);
    Object.assign(values, GOOD);
    expect(await heads.find(modelOf("a"))).toEqual(missing);
    clock.ms += 30_001;
    expect(await heads.find(modelOf("a"))).toMatchObject({ kind: "found" });
    expect(kv.reads).toBe(2);
  });

  it("that is broken, another checkpoint's or of another width is none, and says why", async () => {
    const { heads } = headsOf({ ...GOOD, "difficulty-head:b": new Uint8Array(9) });
    expect(await heads.find(modelOf("b"))).toMatchObject({
      reason: expect.stringContaining("difficulty-head:b has no first line") as string,
    });
    expect(await heads.find(modelOf("a", { name: "other" }))).toEqual({
      kind: "absent",
      reason: "its head is for a of 4, not other of 4",
    });
    expect(await heads.find(modelOf("a", { width: 5 }))).toMatchObject({ kind: "absent" });
    expect(await heads.find({ ...modelOf("a"), pooling: undefined } as Model)).toMatchObject({
      kind: "absent",
    });
  });

  it("is one of two at most, since each is megabytes", async () => {
    const names = ["a", "b", "c"];
    const { kv, heads } = headsOf(
      Object.fromEntries(
        names.map((id) => [`difficulty-head:${id}`, simulatorHeadBytes(id, WIDTH)]),
      ),
    );
    for (const id of [...names, "b", "c"]) await heads.find(modelOf(id));
    expect(kv.reads).toBe(3);
    await heads.find(modelOf("a"));
    expect(kv.reads).toBe(4);
  });
});

describe("a replica", () => {
  it("rests for ten seconds after three failures in a row of one tenant's questions, and for nobody else", () => {
    const { clock, heads } = headsOf({});
    for (const isOk of [false, false, true, false, false]) heads.heard("t", "a", isOk);
    expect(heads.isResting("t", "a")).toBe(false);
    heads.heard("t", "a", false);
    expect(heads.isResting("t", "a")).toBe(true);
    expect(heads.isResting("t", "b")).toBe(false);
    expect(heads.isResting("other", "a")).toBe(false);
    clock.ms += 10_000;
    expect(heads.isResting("t", "a")).toBe(false);
  });
});
