// Reads tenants, keys, policies and the catalog from KV, checked, through a short cache in the isolate.
// KV is eventually consistent (60 s and more between places): right for what operators write now and then,
// wrong for budgets, breakers and revocation, which have objects of their own.
import { parseCatalog, type Catalog } from "../policies/catalog.ts";
import type { Parsed } from "../policies/parse.ts";
import { parsePolicy, type Policy } from "../policies/policy.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../policies/tenant.ts";
import type { KeyFinding } from "./key-lookup.ts";

/** How old a document may be before KV is asked again: as long as KV's own shortest cache. */
const FRESH_MS = 30_000;
/** A key that was not found is asked for again sooner, because a new key should work soon after it is made. */
const MISSING_FRESH_MS = 5000;
/** Documents kept in one isolate; some kilobytes each, so far below its 128 MB. */
const DOCUMENTS_MAX = 2000;
/** Keys that nobody knows; a flood of them forgets the oldest. */
const MISSING_MAX = 1000;

interface Kept {
  readonly value: unknown;
  readonly untilMs: number;
}

/** Plain data only, shared by the requests of an isolate. */
export interface DocumentCache {
  readonly documents: Map<string, Kept>;
  /** Names that nobody knows, apart: anybody can make up keys, and they must not push real documents out. */
  readonly missing: Map<string, Kept>;
}

export function newDocumentCache(): DocumentCache {
  return { documents: new Map(), missing: new Map() };
}

export class Configuration {
  readonly #kv: KVNamespace;
  readonly #cache: DocumentCache;
  readonly #now: () => number;
  readonly #findKey: (hash: string) => Promise<KeyFinding>;

  constructor(
    kv: KVNamespace,
    cache: DocumentCache,
    now: () => number,
    findKey: (hash: string) => Promise<KeyFinding>,
  ) {
    this.#kv = kv;
    this.#cache = cache;
    this.#now = now;
    this.#findKey = findKey;
  }

  catalog(): Promise<Catalog | null> {
    return this.#read("catalog", parseCatalog);
  }

  policy(name: string): Promise<Policy | null> {
    return this.#read(`policy:${name}`, parsePolicy);
  }

  tenant(id: string): Promise<Tenant | null> {
    return this.#read(`tenant:${id}`, parseTenant);
  }

  /** Keys are kept under the SHA-256 of their secret, so KV never holds one. The registry knows those that KV lacks. */
  key(secretHash: string): Promise<Key | null> {
    return this.#read(`key:${secretHash}`, parseKey, () => this.#findKey(secretHash));
  }

  /**
   * The document, or null when there is none. One that is bad, or out of reach, leaves the last good one in force. So
   * does one that is gone: nothing that is in use can be removed, so it was lost. A key alone can be gone, when the
   * registry says so.
   */
  async #read<T>(
    name: string,
    parse: (document: unknown) => Parsed<T>,
    ask: () => Promise<KeyFinding> = unasked,
  ): Promise<T | null> {
    const kept = this.#cache.documents.get(name) ?? this.#cache.missing.get(name);
    if (kept !== undefined && kept.untilMs > this.#now()) return kept.value as T | null;
    const found = await this.#fetch(name, parse);
    if (found.kind === "found") return this.#keep(name, found.value, FRESH_MS);
    if (found.kind === "bad") report("configuration-bad", name, found.problem);
    const finding = await ask();
    if (finding.kind === "found") {
      const parsed = parse(finding.document);
      if (parsed.kind === "parsed") return this.#keep(name, parsed.value, FRESH_MS);
    }
    if (finding.kind === "absent" && found.kind === "missing")
      return this.#keep(name, null, MISSING_FRESH_MS);
    const last = (kept?.value ?? null) as T | null;
    if (last !== null && found.kind === "missing")
      report("configuration-lost", name, "KV has it no more; the last good one stays in force");
    // Nothing is known of a key that the registry could not be asked for, so the next request asks again.
    if (last === null && ask !== unasked && finding.kind === "unasked") return null;
    return this.#keep(name, last, MISSING_FRESH_MS);
  }

  async #fetch<T>(
    name: string,
    parse: (document: unknown) => Parsed<T>,
  ): Promise<{ kind: "found"; value: T } | { kind: "missing" } | { kind: "bad"; problem: string }> {
    let document: unknown;
    try {
      document = await this.#kv.get(name, "json");
    } catch (error) {
      return {
        kind: "bad",
        problem: error instanceof SyntaxError ? "is not JSON" : "KV did not answer",
      };
    }
    if (document === null) return { kind: "missing" };
    const parsed = parse(document);
    if (parsed.kind === "parsed") return { kind: "found", value: parsed.value };
    return {
      kind: "bad",
      problem: parsed.faults.map(({ path, problem }) => `${path} ${problem}`).join("; "),
    };
  }

  #keep<T>(name: string, value: T, freshMs: number): T {
    const { documents, missing } = this.#cache;
    documents.delete(name);
    missing.delete(name);
    const kept = { value, untilMs: this.#now() + freshMs };
    if (value === null) keepWithin(missing, MISSING_MAX, name, kept);
    else keepWithin(documents, DOCUMENTS_MAX, name, kept);
    return value;
  }
}

function keepWithin(map: Map<string, Kept>, max: number, name: string, kept: Kept): void {
  map.set(name, kept);
  // A map keeps its order of insertion, so the first one is the one that was read longest ago.
  const oldest = map.size > max ? map.keys().next() : null;
  if (oldest !== null && oldest.done !== true) map.delete(oldest.value);
}

/** Has a document read again at its next use; the last good one stays until then. */
export function forgetDocument(cache: DocumentCache, name: string): void {
  const kept = cache.documents.get(name);
  if (kept !== undefined) cache.documents.set(name, { ...kept, untilMs: 0 });
  cache.missing.delete(name);
}

/** For what only KV is asked for. */
function unasked(): Promise<KeyFinding> {
  return Promise.resolve({ kind: "unasked" });
}

function report(event: string, name: string, problem: string): void {
  console.error(JSON.stringify({ event, document: redact(name), problem }));
}

/** A key's hash is no secret, but a log needs no more of it than tells two apart. */
function redact(name: string): string {
  return name.startsWith("key:") ? name.slice(0, 12) : name;
}
