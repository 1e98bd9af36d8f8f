// Which findings stand after others, who hears of them, and how many are kept of replicas that are gone.
import { describe, expect, it } from "vitest";
import { Dispatch } from "../../../../policies/placement/dispatch.ts";
import { judge, type Isolation } from "../../../../policies/placement/isolation.ts";
import { ask, FINE, settings } from "./pool-samples.ts";

const judged = (
  replica: string,
  isolation: Isolation,
  atMs = 0,
  address: number | null = null,
) => ({ replica, isolation, atMs, actor: "somebody", address });
const at = (id: string, address?: number) => ({
  id,
  ...(address === undefined ? {} : { address }),
});

describe("a finding", () => {
  it("stands though the caller's catalog lacks its replica, and goes when it is taken back", () => {
    const standing = [judged("a", "shared")];
    const found = judge(standing, [{ replica: "b", isolation: "kept" }], [at("b")], "somebody", 1);
    expect(found).toEqual([judged("a", "shared"), judged("b", "kept", 1)]);
    expect(judge(found, [{ replica: "a", isolation: null }], [at("b")], "somebody", 2)).toEqual([
      judged("b", "kept", 1),
    ]);
  });

  it("of a replica that nobody knows is none", () => {
    expect(judge([], [{ replica: "x", isolation: "kept" }], [at("a")], "somebody", 0)).toEqual([]);
  });

  it("that was no fault is void where the replica has moved, and one that it shares is not", () => {
    const standing = [judged("a", "kept", 0, 1), judged("b", "shared", 0, 1), judged("c", "kept")];
    const moved = [at("a", 2), at("b", 2), at("c", 2)];
    expect(judge(standing, [], moved, "somebody", 1)).toEqual(standing.slice(1));
    expect(judge(standing, [], [at("a", 1), at("b", 1)], "somebody", 1)).toEqual(standing);
    expect(judge([], [{ replica: "a", isolation: "kept" }], moved, "somebody", 1)).toEqual([
      judged("a", "kept", 1, 2),
    ]);
  });

  it("is kept of 128 absent replicas, of those that share before others, and of all that are there", () => {
    const standing = [
      ...Array.from({ length: 100 }, (_, i) => judged(`shares-${i}`, "shared", i)),
      ...Array.from({ length: 100 }, (_, i) => judged(`kept-${i}`, "kept", 1_000 + i)),
    ];
    const left = judge(standing, [], [at("kept-0")], "somebody", 5_000);
    expect(left).toHaveLength(129);
    expect(left.filter(({ isolation }) => isolation === "shared")).toHaveLength(100);
    expect(left.map(({ replica }) => replica)).toContain("kept-0");
    expect(left.map(({ replica }) => replica)).not.toContain("kept-1");
  });
});

describe("every answer of a pool", () => {
  const two = settings({ concurrencyMax: 1 }, 2);
  const found = [judged("r1", "shared"), judged("elsewhere", "shared")];

  it("names the caller's replicas that share their cache, and no others", () => {
    const dispatch = new Dispatch();
    dispatch.members.judge(found);
    const shared = ["r1"];
    expect(dispatch.ask(two, ask("a"), 0)).toMatchObject({ kind: "placed", shared });
    const hasty = ask("b", 1, 10, { waitMsMax: 0 });
    expect(dispatch.ask(two, hasty, 0)).toMatchObject({ kind: "full", shared });
    for (const callId of ["leaves", "waits"]) dispatch.ask(two, ask(callId), 0);
    dispatch.end("leaves", FINE, 1);
    dispatch.passTime(10_000);
    const { decided } = dispatch.takeChanges();
    expect(decided.get("leaves")).toEqual({ kind: "left", shared });
    expect(decided.get("waits")).toMatchObject({ kind: "full", shared });
    dispatch.members.judge([...found, judged("r0", "shared")]);
    expect(dispatch.ask(two, ask("c"), 10_000)).toMatchObject({
      kind: "none-up",
      shared: ["r0", "r1"],
    });
  });

  it("names none where none shares", () => {
    const dispatch = new Dispatch();
    dispatch.members.judge([judged("r1", "kept")]);
    expect(dispatch.ask(two, ask("a"), 0)).not.toHaveProperty("shared");
    expect(dispatch.ask(two, ask("b", 1, 10, { waitMsMax: 0 }), 0)).not.toHaveProperty("shared");
  });
});
