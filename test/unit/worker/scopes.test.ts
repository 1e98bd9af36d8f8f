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

  it.each(["u".repeat(129), "a|b", "a\nb"])("of a name that is none is refused", (user) => {
    expect(scopesOf(FULL, {}, user)).toMatchObject({ field: "user" });
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
