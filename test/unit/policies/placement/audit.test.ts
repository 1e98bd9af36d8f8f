// Which difference between what was predicted and what engines report is an alarm, and which is none.
import { describe, expect, it } from "vitest";
import { Audit } from "../../../../policies/placement/audit.ts";

function after(calls: number, predicted: number, reported: number | null): Audit {
  const audit = new Audit();
  for (let i = 0; i < calls; i++) audit.learn(predicted, reported);
  return audit;
}

describe("an audit", () => {
  it("has nothing to say of matches that come true, nor of a pool without traffic", () => {
    expect(after(100, 1000, 990).alarms(null, false)).toEqual([]);
    expect(new Audit().alarms(null, false)).toEqual([]);
  });

  it("alarms where matches are predicted and never once borne out, and no more after one that is", () => {
    expect(after(19, 1000, 0).alarms(null, false)).not.toContain("silent-zero");
    const audit = after(20, 1000, 0);
    expect(audit.alarms(null, false)).toEqual(["silent-zero"]);
    audit.learn(1000, 1000);
    expect(audit.alarms(null, false)).not.toContain("silent-zero");
  });

  it("does not take new prompts for matches that failed", () => {
    expect(after(100, 0, 0).alarms("units256", false)).toEqual([]);
  });

  it("alarms where the engine caches and nothing is ever predicted, but only while events say what it caches", () => {
    const audit = after(20, 0, 1000);
    expect(audit.alarms("units256", false)).toEqual(["unpredicted"]);
    expect(audit.alarms(null, false)).toEqual([]);
    audit.learn(500, 1000);
    expect(audit.alarms("units256", false)).toEqual([]);
  });

  it("alarms where less than half comes true, and not where more does", () => {
    expect(after(30, 1000, 400).alarms(null, false)).toEqual(["over-predicted"]);
    expect(after(30, 1000, 400).isOverPredicted).toBe(true);
    expect(after(30, 1000, 600).alarms(null, false)).toEqual([]);
    expect(after(5, 1000, 400).isOverPredicted).toBe(false);
  });

  it("alarms where the engine does not say what it cached", () => {
    expect(after(20, 1000, null).alarms(null, false)).toEqual(["unreported"]);
    const audit = after(20, 1000, null);
    audit.learn(1000, 1000);
    expect(audit.alarms(null, false)).toEqual([]);
  });

  it("says that engine and gateway count in different domains, until something translates", () => {
    expect(new Audit().alarms("tokens64", false)).toEqual(["domain-mismatch"]);
    expect(new Audit().alarms("tokens64", true)).toEqual([]);
    expect(new Audit().alarms("units256", false)).toEqual([]);
  });

  it("forgets what a replica did before it began anew", () => {
    const audit = after(30, 1000, 0);
    audit.forget();
    expect(audit.alarms("units256", false)).toEqual([]);
    expect([audit.predictedTokens, audit.reportedTokens]).toEqual([0, 0]);
  });
});
