// Why a hold is refused, and by which limit: what a client does next follows from it.
import { describe, expect, it } from "vitest";
import { fit } from "../../../../policies/ledger/size.ts";
import { offer, room } from "./size-samples.ts";

const spentDay = room(0, { scope: "key:k", dimension: "requests", limit: 5 });
const heldDay = room(10, { held: 5_000 });
const rate = room(10, {
  dimension: "tokens",
  window: "minute",
  atOnce: 2_000,
  resetAtMs: 500,
  waitMs: (units) => units * 3,
});
const inFlight = room(0, {
  dimension: "concurrency",
  window: "lifetime",
  limit: 4,
  held: 4,
  resetAtMs: null,
});
const unlent = room(10, { isLent: true, limit: 9_000, resetAtMs: 9_000 });

describe("a refusal by a window that turns", () => {
  it("is unfit, with what would fit, while a smaller answer is affordable", () => {
    expect(fit([offer()], [room(150)], 1)).toMatchObject({
      kind: "refused",
      reason: "unfit",
      affordableTokens: 50,
      waitMs: null,
    });
  });

  it.each([100, 99, 0, -7])("is quota when of %i tokens nothing fits beside the input", (left) => {
    expect(fit([offer()], [room(left)], 1)).toMatchObject({
      kind: "refused",
      reason: "quota",
      affordableTokens: 0,
    });
  });

  it("is unfit and not quota when no window would ever hold the request, unless the account is closed", () => {
    const small = room(120, { limit: 150 });
    expect(fit([offer({ inputTokens: 140 })], [small], 1)).toMatchObject({
      reason: "unfit",
      affordableTokens: 0,
    });
    expect(fit([offer()], [room(0, { limit: 0 })], 1)).toMatchObject({ reason: "quota" });
  });

  it("tells of the rung that came nearest", () => {
    const ladder = [offer({ inputTokens: 200 }), offer({ rung: 1 }), offer({ inputTokens: 160 })];
    expect(fit(ladder, [room(150)], 1)).toMatchObject({ reason: "unfit", affordableTokens: 50 });
  });
});

describe("a refusal names", () => {
  it("the limit that turns last of those that block", () => {
    const day = room(0, { resetAtMs: 1_000 });
    const month = room(50, { window: "month", resetAtMs: 2_000 });
    const loose = room(9_000, { dimension: "requests", window: "month", resetAtMs: 2_000 });
    expect(fit([offer()], [loose, day, month], 1)).toMatchObject({ binding: month });
    expect(fit([offer()], [loose, day], 1)).toMatchObject({ binding: day });
  });

  it("the limit that never turns before all that do", () => {
    const credit = room(50, { window: "lifetime", resetAtMs: null });
    const month = room(50, { window: "month", resetAtMs: 2_000 });
    expect(fit([offer()], [month, credit], 1)).toMatchObject({ binding: credit });
  });

  it("the scope whose limit blocks, and none that has room", () => {
    const scopes = ["org:o", "tenant", "key:k", "user:u", "tag:t"];
    for (const scope of scopes) {
      const limits = scopes.map((each) => room(each === scope ? 0 : 9_000, { scope: each }));
      expect(fit([offer()], limits, 1)).toMatchObject({ reason: "quota", binding: { scope } });
    }
    const open = scopes.map((scope) => room(9_000, { scope }));
    expect(fit([offer()], open, 1).kind).toBe("fits");
  });

  it("the limit that the request exceeds whole before one that turns later", () => {
    const small = room(120, { scope: "key:k", limit: 120 });
    const month = room(0, { window: "month", resetAtMs: 2_000 });
    expect(fit([offer()], [month, small], 1)).toMatchObject({ binding: small, reason: "unfit" });
  });
});

describe("a refusal by what calls in flight hold", () => {
  it.each([
    { reason: "busy", held: 5_000, because: "what is held would do" },
    { reason: "busy", held: 154, because: "what is held would just do" },
    { reason: "quota", held: 153, because: "what is held would not do either" },
    { reason: "quota", held: 0, because: "nothing is held" },
  ])("is $reason with 10 left and $held held: $because", ({ reason, held }) => {
    expect(fit([offer()], [room(10, { held })], 1)).toMatchObject({ kind: "refused", reason });
  });

  it("is not busy while another limit is used up", () => {
    expect(fit([offer()], [heldDay, spentDay], 1)).toMatchObject({ reason: "quota" });
  });

  it("is concurrency when there are too many of them, however little they hold", () => {
    expect(fit([offer()], [inFlight], 1)).toMatchObject({
      reason: "concurrency",
      binding: inFlight,
      affordableTokens: 0,
    });
    expect(fit([offer()], [{ ...inFlight, remaining: 1 }], 1).kind).toBe("fits");
  });

  it("is not concurrency while another limit is used up: that they end is no help", () => {
    expect(fit([offer()], [inFlight, spentDay], 1)).toMatchObject({
      reason: "quota",
      binding: spentDay,
    });
    expect(fit([offer()], [inFlight, heldDay], 1)).toMatchObject({ reason: "busy" });
  });
});

describe("a refusal by a rate", () => {
  it("is rate, and says when the request would fit", () => {
    expect(fit([offer()], [rate], 1)).toMatchObject({
      reason: "rate",
      binding: rate,
      waitMs: (100 + 64) * 3,
    });
  });

  it("is unfit when the request is more than may ever come at once", () => {
    const narrow = { ...rate, atOnce: 163 };
    expect(fit([offer()], [narrow], 1)).toMatchObject({ reason: "unfit", binding: narrow });
    expect(fit([offer()], [{ ...narrow, remaining: 0 }], 1)).toMatchObject({ reason: "unfit" });
    expect(fit([offer()], [{ ...rate, atOnce: 164 }], 1)).toMatchObject({ reason: "rate" });
  });

  it("is quota when a window is used up too, and busy when it is only held", () => {
    expect(fit([offer()], [rate, spentDay], 1)).toMatchObject({
      reason: "quota",
      binding: spentDay,
      waitMs: null,
    });
    expect(fit([offer()], [rate, heldDay], 1)).toMatchObject({ reason: "busy", binding: heldDay });
  });
});

describe("a refusal by a budget that another ledger owns", () => {
  it("is unlent while nothing else blocks, whatever the other limits have left", () => {
    expect(fit([offer()], [unlent], 1)).toMatchObject({ reason: "unlent", binding: unlent });
    const loose = room(9_000, { scope: "key:k" });
    expect(fit([offer()], [loose, unlent], 1)).toMatchObject({ reason: "unlent", binding: unlent });
    expect(fit([offer()], [{ ...unlent, isLent: false }], 1)).toMatchObject({ reason: "quota" });
  });

  it.each([
    ["quota", spentDay],
    ["busy", heldDay],
    ["rate", rate],
    ["concurrency", inFlight],
  ])("is %s when a limit of the ledger's own blocks so: a loan is no help", (reason, own) => {
    const told = { reason, binding: own };
    expect(fit([offer()], [own, unlent], 1)).toMatchObject(told);
    expect(fit([offer()], [unlent, own], 1)).toMatchObject(told);
  });
});

describe("a limit of no calls at once", () => {
  const stopped = room(0, {
    dimension: "concurrency",
    window: "lifetime",
    limit: 0,
    resetAtMs: null,
  });

  it("is quota, since no call ends that would help, and is told before all that passes by itself", () => {
    expect(fit([offer()], [stopped], 1)).toMatchObject({ reason: "quota", binding: stopped });
    const day = room(0, { resetAtMs: 1_000 });
    expect(fit([offer()], [day, stopped], 1)).toMatchObject({ reason: "quota", binding: stopped });
  });

  it("is none of those that are only taken", () => {
    expect(fit([offer()], [inFlight], 1)).toMatchObject({ reason: "concurrency" });
  });
});
