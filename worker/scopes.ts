// Who pays for a request: every scope whose limits it is checked against and counted in, from the widest to the narrowest.
import type { ScopeLimits } from "../policies/account.ts";
import type { Limit } from "../policies/ledger/limit.ts";
import type { Organisation } from "../policies/organisation.ts";
import type { Tenant } from "../policies/tenant.ts";

/** Longer names are no names; an email address or a UUID is far below. */
const USER_CHARS_MAX = 128;
/** One a team, one a project, one a cost centre: each is a bucket that every turn of the ledger checks. */
const TAGS_MAX = 8;

export interface Payer {
  readonly tenant: Tenant;
  /** Null where the tenant belongs to none. */
  readonly organisation: Organisation | null;
  readonly keyId: string;
  readonly keyLimits: readonly Limit[];
}

type Fault = { readonly field: string; readonly problem: string };

/** `named`: the user as the body names it. */
export function readScopes(
  headers: Headers,
  { tenant, organisation, keyId, keyLimits }: Payer,
  named: string | null,
): readonly ScopeLimits[] | Fault {
  // Users are without number; only where they have limits is each of them worth a bucket.
  const user =
    tenant.userLimits.length === 0 ? null : readUser(headers.get("x-sluice-user"), named);
  if (user !== null && typeof user === "object") return user;
  const tags = readTags(headers.get("x-sluice-tags"), tenant);
  if (!Array.isArray(tags)) return tags;
  const scopes: ScopeLimits[] = [];
  if (organisation !== null) {
    const name = `org:${organisation.id}`;
    scopes.push({ scope: name, limits: organisation.limits, lender: name });
  }
  scopes.push({ scope: "tenant", limits: tenant.limits });
  scopes.push({ scope: `key:${keyId}`, limits: keyLimits });
  if (user !== null) scopes.push({ scope: `user:${user}`, limits: tenant.userLimits });
  for (const tag of tags) scopes.push({ scope: `tag:${tag}`, limits: tenant.tags[tag] ?? [] });
  return scopes;
}

/** The header goes before the body, which an application may let its own users write. One that is empty names nobody. */
function readUser(header: string | null, named: string | null): string | null | Fault {
  const inHeader = header === null ? "" : spell(decode(header));
  // Two headers of one name come as one, with a comma between them: which of the two is it?
  if (inHeader.includes(","))
    return { field: "x-sluice-user", problem: "must name one user, once, and without a comma" };
  const field = inHeader === "" ? "user" : "x-sluice-user";
  const user = inHeader === "" ? spell(named ?? "") : inHeader;
  if (user === "") return null;
  if (user.length <= USER_CHARS_MAX && user.isWellFormed() && !/[\p{Cc}|]/u.test(user)) return user;
  return {
    field,
    problem: `must be at most ${USER_CHARS_MAX} characters of well-formed Unicode, without control characters and "|"`,
  };
}

/** One user has one budget, however its name was typed. */
function spell(user: string): string {
  return user.trim().normalize("NFC");
}

/** Headers are bytes, of which the platform makes a character each; what is UTF-8 is meant as such. */
function decode(header: string): string {
  const codes = Array.from({ length: header.length }, (_, at) => header.charCodeAt(at));
  // A platform that has read it as UTF-8 already gives characters that are no bytes.
  if (codes.some((code) => code > 0xff)) return header;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(
      Uint8Array.from(codes),
    );
  } catch {
    // Latin-1, as HTTP had it once.
    return header;
  }
}

function readTags(header: string | null, tenant: Tenant): string[] | Fault {
  if (header === null) return [];
  const field = "x-sluice-tags";
  const tags = [...new Set(header.split(",").map((tag) => tag.trim()))].filter((tag) => tag !== "");
  if (tags.length > TAGS_MAX)
    return { field, problem: `must name at most ${TAGS_MAX} tags, not ${tags.length}` };
  const unknown = tags.find((tag) => !Object.hasOwn(tenant.tags, tag));
  if (unknown === undefined) return tags;
  const declared = Object.keys(tenant.tags);
  const known = declared.length === 0 ? "this tenant has none" : `one of ${declared.join(", ")}`;
  return { field, problem: `names "${unknown.slice(0, 64)}", which is no tag here; use ${known}` };
}
