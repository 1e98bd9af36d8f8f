// Who pays for a request: every scope once, from the widest to the narrowest, and only those that are declared.
import { describe, expect, it } from "vitest";
import { parseOrganisation } from "../../../policies/organisation.ts";
import { parseTenant } from "../../../policies/tenant.ts";
import { readScopes, type Payer } from "../../../worker/scopes.ts";
import { limitOf } from "./memory-ledger.ts";

const LIMITS = [limitOf()];

function payerOf(fields: object = {}, organisation: object | null = null): Payer {
  const tenant = parseTenant({ id: "t", name: "T", policy: "p", limits: LIMITS, ...fields });
  const parent = organisation === null ? null : parseOrganisation(organisation);
  if (tenant.kind === "faulty" || parent?.kind === "faulty") throw new Error("It is faulty.");
  return {
    tenant: tenant.value,
    organisation: parent?.value ?? null,
    keyId: "k",
    keyLimits: [],
  };
}

function scopesOf(payer: Payer, headers: Record<string, string> = {}, user: string | null = null) {
  const scopes = readScopes(new Headers(headers), payer, user);
  return "problem" in scopes ? scopes : scopes.map(({ scope }) => scope);
}

const FULL = payerOf(
  { organisation: "o", userLimits: LIMITS, tags: { beta: LIMITS, batch: [] } },
  { id: "o", limits: LIMITS },
);

it("is the tenant and the key, of whom usage is always kept", () => {
  expect(scopesOf(payerOf())).toEqual(["tenant", "key:k"]);
});

it("goes from the organisation to the tags, each with its own limits", () => {
  const scopes = readScopes(new Headers({ "x-sluice-tags": "beta, batch" }), FULL, "ann");
  expect(scopes).toEqual([
    { scope: "org:o", limits: LIMITS, lender: "org:o" },
    { scope: "tenant", limits: LIMITS },
    { scope: "key:k", limits: [] },
    { scope: "user:ann", limits: LIMITS },
    { scope: "tag:beta", limits: LIMITS },
    { scope: "tag:batch", limits: [] },
  ]);
});

describe("a user", () => {
  it("is named by the header before the body, which an application may let its users write", () => {
    expect(scopesOf(FULL, { "x-sluice-user": "ann" }, "bob")).toContain("user:ann");
    expect(scopesOf(FULL, {}, "bob")).toContain("user:bob");
  });

  it("is nobody where users have no limits, whatever the body calls them", () => {
    expect(scopesOf(payerOf(), { "x-sluice-user": "ann" }, "|".repeat(1000))).toEqual([
      "tenant",
      "key:k",
    ]);
  });

  it.each(["u".repeat(129), "a|b", "a\nb", "\ud800", "ann\udfff"])(
    "of a name that is none is refused: %j",
    (user) => {
      expect(scopesOf(FULL, {}, user)).toMatchObject({ field: "user" });
    },
  );

  it("is not lost to a header that is empty or blank", () => {
    expect(scopesOf(FULL, { "x-sluice-user": "" }, "bob")).toContain("user:bob");
    expect(scopesOf(FULL, { "x-sluice-user": "  " }, "bob")).toContain("user:bob");
    expect(scopesOf(FULL, { "x-sluice-user": "" }, " ")).toEqual(["org:o", "tenant", "key:k"]);
  });

  it("is one however it was typed: with blanks, composed or not, in a header's bytes or in the body", () => {
    const bytes = String.fromCharCode(...new TextEncoder().encode("andré"));
    for (const spelt of [{ body: " andré" }, { body: "andre\u0301\ufeff" }, { header: bytes }]) {
      const header = spelt.header === undefined ? {} : { "x-sluice-user": spelt.header };
      expect(scopesOf(FULL, header, spelt.body ?? null)).toContain("user:andré");
    }
    expect(scopesOf(FULL, {}, "Andre")).not.toContain("user:andré");
  });

  it("of a header that is not UTF-8 is read as Latin-1", () => {
    expect(scopesOf(FULL, { "x-sluice-user": "andr\xe9" })).toContain("user:andré");
  });

  it("is refused where a request names two", () => {
    const headers = new Headers([
      ["x-sluice-user", "one"],
      ["x-sluice-user", "two"],
    ]);
    expect(readScopes(headers, FULL, "bob")).toMatchObject({ field: "x-sluice-user" });
    expect(scopesOf(FULL, {}, "Doe, John")).toContain("user:Doe, John");
  });
});

describe("tags", () => {
  it("that are not declared are refused, with those that are", () => {
    const fault = scopesOf(FULL, { "x-sluice-tags": "beta,alpha" });
    expect(fault).toMatchObject({ field: "x-sluice-tags" });
    expect(JSON.stringify(fault)).toMatch(/"alpha.*one of beta, batch/);
  });

  it("cannot be found among what every object inherits", () => {
    expect(scopesOf(FULL, { "x-sluice-tags": "constructor" })).toMatchObject({
      field: "x-sluice-tags",
    });
  });

  it("named twice are charged once, and an empty list is none", () => {
    expect(scopesOf(FULL, { "x-sluice-tags": "beta,beta, ," })).toEqual([
      "org:o",
      "tenant",
      "key:k",
      "tag:beta",
    ]);
  });
});
