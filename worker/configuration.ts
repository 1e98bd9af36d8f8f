// Reads organisations, tenants, keys, policies and the catalog from KV, checked, through a short cache in the isolate.
// KV is eventually consistent (60 s and more between places): right for what operators write now and then,
// wrong for budgets, breakers and revocation, which have objects of their own. What KV does not know or cannot show is
// asked of the registry.
import { parseCatalog, type Catalog } from "../policies/catalog.ts";
import { parseOrganisation, type Organisation } from "../policies/organisation.ts";
import { faultAt, type Fault, type Parsed } from "../policies/parse.ts";
import { parsePolicy, type Policy } from "../policies/policy.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../policies/tenant.ts";
import { logError } from "./log.ts";
import type { RegistryLookup } from "./registry-lookup.ts";

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

/** A write that this isolate took. Each has an object of its own, so that a read tells whether one came meanwhile. */
interface Write {
  /** The registry was read since, so what is kept is newer than what KV may still show. */
  wasRead: boolean;
}

/** Plain data only, shared by the requests of an isolate. */
export interface DocumentCache {
  readonly documents: Map<string, Kept>;
  /** Names that nobody knows, apart: anybody can make up keys, and they must not push real documents out. */
  readonly missing: Map<string, Kept>;
  /** What KV may be behind on: the registry is read instead until KV was seen to show the same. */
  readonly ahead: Map<string, Write>;
}

export function newDocumentCache(): DocumentCache {
  return { documents: new Map(), missing: new Map(), ahead: new Map() };
}

export class Configuration {
  readonly #kv: KVNamespace;
  readonly #cache: DocumentCache;
  readonly #now: () => number;
  readonly #lookUp: RegistryLookup;

  constructor(kv: KVNamespace, cache: DocumentCache, now: () => number, lookUp: RegistryLookup) {
    this.#kv = kv;
    this.#cache = cache;
    this.#now = now;
    this.#lookUp = lookUp;
  }

  catalog(): Promise<Catalog | null> {
    return this.#read("catalog", parseCatalog);
  }

  policy(name: string): Promise<Policy | null> {
    return this.#read(`policy:${name}`, (document) => filedAs(name, "name", parsePolicy(document)));
  }

  tenant(id: string): Promise<Tenant | null> {
    return this.#read(`tenant:${id}`, (document) => filedAs(id, "id", parseTenant(document)));
  }

  organisation(id: string): Promise<Organisation | null> {
    return this.#read(`organisation:${id}`, (document) =>
      filedAs(id, "id", parseOrganisation(document)),
    );
  }

  /** Keys are kept under the SHA-256 of their secret, so KV never holds one. */
  key(secretHash: string): Promise<Key | null> {
    return this.#read(`key:${secretHash}`, parseKey);
  }

  /**
   * The document, or null when there is none. The registry's copy stands in for one that KV does not know or cannot
   * show. Where that is out of reach too, or bad, the last good one stays in force. So does one that is gone from both:
   * nothing that is in use can be removed, so it was lost. Only a key can be gone, when the registry says so. What this
   * isolate wrote is the registry's to say until KV shows it too.
   */
  async #read<T>(name: string, parse: (document: unknown) => Parsed<T>): Promise<T | null> {
    const kept = this.#fresh(name);
    if (kept !== null) return kept.value as T | null;
    const found = await this.#fetch(name, parse);
    const write = this.#cache.ahead.get(name);
    if (found.kind === "found" && write === undefined)
      return this.#keep(name, found.value, FRESH_MS);
    // Another request may have heard more while KV was asked.
    const heard = this.#fresh(name);
    if (heard !== null) return heard.value as T | null;
    const last = (this.#cached(name)?.value ?? null) as T | null;
    const isWritten = write !== undefined;
    const finding = await this.#lookUp(name, last === null || isWritten, found.kind !== "found");
    if (finding.kind === "elsewhere") return (this.#cached(name)?.value ?? last) as T | null;
    const isGone =
      finding.kind === "absent" &&
      (isWritten || (found.kind === "missing" && name.startsWith("key:")));
    if (found.kind === "bad") report("configuration-bad", name, found.problem);
    else if (found.kind === "missing" && last !== null && !isGone)
      report("configuration-lost", name, "KV has it no more; it stays in force");
    // What was asked before a write says nothing of what is after it.
    const freshMs = (ms: number) => (this.#cache.ahead.get(name) === write ? ms : 0);
    switch (finding.kind) {
      case "found": {
        const parsed = parse(finding.document);
        if (parsed.kind === "parsed") {
          const value = this.#keep(name, parsed.value, freshMs(FRESH_MS));
          this.#heard(name, write, found.kind === "found" && isSame(found, finding));
          return value;
        }
        report("configuration-bad", name, `in the registry: ${sayFaults(parsed.faults)}`);
        return this.#keep(name, last, MISSING_FRESH_MS);
      }
      case "absent": {
        const value = this.#keep(name, isGone ? null : last, freshMs(MISSING_FRESH_MS));
        this.#heard(name, write, found.kind === "missing");
        return value;
      }
      case "unasked": {
        const isKvBest = found.kind === "found" && write?.wasRead !== true;
        const best = isKvBest ? found.value : last;
        // Nothing is known of a document that nobody could be asked for, so the next request asks again.
        return best === null ? null : this.#keep(name, best, freshMs(MISSING_FRESH_MS));
      }
    }
  }

  /** The registry answered; `agrees`: KV says the same, so it can be read again. */
  #heard(name: string, write: Write | undefined, agrees: boolean): void {
    if (write === undefined || this.#cache.ahead.get(name) !== write) return;
    write.wasRead = true;
    if (agrees) this.#cache.ahead.delete(name);
  }

  #cached(name: string): Kept | undefined {
    return this.#cache.documents.get(name) ?? this.#cache.missing.get(name);
  }

  #fresh(name: string): Kept | null {
    const kept = this.#cached(name);
    return kept !== undefined && kept.untilMs > this.#now() ? kept : null;
  }

  async #fetch<T>(
    name: string,
    parse: (document: unknown) => Parsed<T>,
  ): Promise<
    | { kind: "found"; value: T; document: unknown }
    | { kind: "missing" }
    | { kind: "bad"; problem: string }
  > {
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
    if (parsed.kind === "parsed") return { kind: "found", value: parsed.value, document };
    return { kind: "bad", problem: sayFaults(parsed.faults) };
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

function keepWithin<T>(map: Map<string, T>, max: number, name: string, kept: T): void {
  map.set(name, kept);
  // A map keeps its order of insertion, so the first one is the one that was read longest ago.
  const oldest = map.size > max ? map.keys().next() : null;
  if (oldest !== null && oldest.done !== true) map.delete(oldest.value);
}

/**
 * Has a document that was written read again at its next use, and from the registry, since KV may show the old one for a
 * while; the last good one stays until then.
 */
export function forgetDocument(cache: DocumentCache, name: string): void {
  const kept = cache.documents.get(name);
  if (kept !== undefined) cache.documents.set(name, { ...kept, untilMs: 0 });
  cache.missing.delete(name);
  cache.ahead.delete(name);
  keepWithin(cache.ahead, DOCUMENTS_MAX, name, { wasRead: false });
}

interface Holding {
  readonly document: unknown;
}

/** Documents keep the order of their fields wherever they go. */
function isSame(left: Holding, right: Holding): boolean {
  return JSON.stringify(left.document) === JSON.stringify(right.document);
}

/** Another's document under this name is as bad as none: it would spend that other's budget. */
function filedAs<Field extends string, T extends Readonly<Record<Field, string>>>(
  name: string,
  field: Field,
  parsed: Parsed<T>,
): Parsed<T> {
  if (parsed.kind === "faulty" || parsed.value[field] === name) return parsed;
  return { kind: "faulty", faults: [faultAt(field, "is another document's")] };
}

function sayFaults(faults: readonly Fault[]): string {
  return faults.map(({ path, problem }) => `${path} ${problem}`).join("; ");
}

function report(event: string, name: string, problem: string): void {
  logError(event, { document: redact(name), problem });
}

/** A key's hash is no secret, but a log needs no more of it than tells two apart. */
function redact(name: string): string {
  return name.startsWith("key:") ? name.slice(0, 12) : name;
}
