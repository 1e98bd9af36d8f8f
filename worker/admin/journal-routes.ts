// The journals of tenants and organisations, line by line for an audit: everything that ever changed their budgets, each
// ledger's with a hash chain of its own.
import { askLedger, askRegistry, organisationLedger } from "./ask.ts";
import { PLACES } from "./bodies.ts";
import { answer } from "./document-routes.ts";
import { findOrganisation, findTenant, missing } from "./find.ts";
import type { Refusal } from "./refusal.ts";
import type { AdminDependencies, Answered, Call, Route } from "./route.ts";

/** A line is one or two kilobytes, so that a page stays below what an object may answer (32 MiB). */
const JOURNAL_PAGE = { usual: 1_000, max: 1_000 } as const;

/** A joined page ends after the ledger that brings it here; a ledger cuts its own part at twice as much. */
const JOINED_CHARS_MAX = 2_000_000;

const LINES = {
  page: JOURNAL_PAGE,
  contentType: "application/x-ndjson",
} as const;

export const JOURNAL_ROUTES: readonly Route[] = [
  {
    ...LINES,
    method: "GET",
    path: "/tenants/{id}/journal",
    name: "readJournal",
    query: ["after", "limit", "ledger"],
    run: readTenantJournal,
  },
  {
    ...LINES,
    method: "GET",
    path: "/organisations/{id}/journal",
    name: "readOrganisationJournal",
    query: ["after", "limit"],
    run: readOrganisationJournal,
  },
];

async function readTenantJournal(call: Call): Promise<Answered | Refusal> {
  const { ids, after, ledger, deps } = call;
  const id = ids["id"] ?? "";
  if (after !== "" && !PLACES.test(after))
    return notAPlace("entry's `seq`, or the `next` of a page");
  const tenant = await findTenant(id, deps);
  if ("kind" in tenant) return tenant;
  const names = await askRegistry(deps, (registry) => registry.ledgersOf(id));
  if (ledger !== null && !names.includes(ledger))
    return missing(`ledger of the tenant "${id}"`, ledger);
  const isJoined = ledger === null && names.length > 1;
  if (isJoined) return answer(textOf(await joinedPage(call, names)));
  if (after.includes(",")) return notAPlace("entry's `seq`, because it is one ledger's journal");
  const lines = await pageOf(ledger ?? id, call);
  // Whoever asks for one of several may put their pages together.
  return answer(textOf(ledger === null ? lines : [headerOf(ledger), ...lines]));
}

async function readOrganisationJournal(call: Call): Promise<Answered | Refusal> {
  const { ids, after, deps } = call;
  const id = ids["id"] ?? "";
  if (!/^\d{0,15}$/.test(after)) return notAPlace("entry's `seq`");
  const organisation = await findOrganisation(id, deps);
  if ("kind" in organisation) return organisation;
  return answer(textOf(await pageOf(organisationLedger(id), call)));
}

async function pageOf(name: string, { after, limit, deps }: Call): Promise<string[]> {
  const { lines, prevHash, hash, nextSeq } = await readPage(name, Number(after), limit, deps);
  return [...lines, JSON.stringify({ chain: { prevHash, hash, nextSeq } })];
}

/**
 * What every ledger has after its own place, the owner's first, until the page is full. Places of ledgers that are not named
 * are their beginnings, so that a place of a tenant without shards stays one when it has some.
 */
async function joinedPage(
  { after, limit, deps }: Call,
  names: readonly string[],
): Promise<string[]> {
  const places = after.split(",").map(Number);
  const joined: string[] = [];
  let [left, chars] = [limit, 0];
  for (const [index, name] of names.entries()) {
    const page = await readPage(name, places[index] ?? 0, left, deps);
    const { lines, prevHash, hash, nextSeq } = page;
    left -= lines.length;
    chars += lines.reduce((sum, line) => sum + line.length, 0);
    places[index] = nextSeq;
    const next = names.map((_, other) => places[other] ?? 0).join(",");
    const chain = { prevHash, hash, nextSeq, next };
    joined.push(headerOf(name), ...lines, JSON.stringify({ chain }));
    // A ledger that has more comes again on the next page.
    if (left === 0 || chars >= JOINED_CHARS_MAX) break;
  }
  return joined;
}

function readPage(name: string, afterSeq: number, max: number, deps: AdminDependencies) {
  return askLedger(deps, name, (ledger) => ledger.journal(afterSeq, max));
}

function headerOf(ledger: string): string {
  return JSON.stringify({ ledger });
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}

function notAPlace(problem: string) {
  return { kind: "invalid", parameter: "after", problem: `must be an ${problem}` } as const;
}
