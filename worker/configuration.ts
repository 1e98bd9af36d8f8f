// Reads tenants, keys, policies and the catalog from KV, checked, through a short cache in the isolate.
// KV is eventually consistent (60 s and more between places): right for what operators write now and then,
// wrong for budgets and breakers, which have objects of their own.
import { parseCatalog, type Catalog } from "../policies/catalog.ts";
import type { Parsed } from "../policies/parse.ts";
import { parsePolicy, type Policy } from "../policies/policy.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "../policies/tenant.ts";

/** How old a document may be before KV is asked again: as long as KV's own shortest cache. */
const FRESH_MS = 30_000;
/** A key that was not found is asked for again sooner, because a new key should work soon after it is made. */
const MISSING_FRESH_MS = 5000;
/** Documents kept in one isolate; some kilobytes each, so far below its 128 MB. */
const DOCUMENTS_MAX = 2000;

interface Kept {
  readonly value: unknown;
  readonly untilMs: number;
}

/** Plain data only, shared by the requests of an isolate. */
export type DocumentCache = Map<string, Kept>;

export class Configuration {
  readonly #kv: KVNamespace;
  readonly #cache: DocumentCache;
  readonly #now: () => number;

  constructor(kv: KVNamespace, cache: DocumentCache, now: () => number) {
    this.#kv = kv;
    this.#cache = cache;
    this.#now = now;
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

  /** Keys are kept under the SHA-256 of their secret, so KV never holds one. */
  key(secretHash: string): Promise<Key | null> {
    return this.#read(`key:${secretHash}`, parseKey);
  }

  /** The document, or null when there is none. A bad or unreachable one leaves the last good one in force. */
  async #read<T>(name: string, parse: (document: unknown) => Parsed<T>): Promise<T | null> {
    const kept = this.#cache.get(name);
    if (kept !== undefined && kept.untilMs > this.#now()) return kept.value as T | null;
    const found = await this.#fetch(name, parse);
    if (found.kind === "bad") {
      console.error(
        JSON.stringify({
          event: "configuration-bad",
          document: redact(name),
          problem: found.problem,
        }),
      );
      if (kept?.value !== undefined && kept.value !== null) {
        this.#keep(name, kept.value, MISSING_FRESH_MS);
        return kept.value as T;
      }
      return null;
    }
    this.#keep(name, found.value, found.value === null ? MISSING_FRESH_MS : FRESH_MS);
    return found.value;
  }

  async #fetch<T>(
    name: string,
    parse: (document: unknown) => Parsed<T>,
  ): Promise<{ kind: "found"; value: T | null } | { kind: "bad"; problem: string }> {
    let document: unknown;
    try {
      document = await this.#kv.get(name, "json");
    } catch (error) {
      return {
        kind: "bad",
        problem: error instanceof SyntaxError ? "is not JSON" : "KV did not answer",
      };
    }
    if (document === null) return { kind: "found", value: null };
    const parsed = parse(document);
    if (parsed.kind === "parsed") return { kind: "found", value: parsed.value };
    return {
      kind: "bad",
      problem: parsed.faults.map(({ path, problem }) => `${path} ${problem}`).join("; "),
    };
  }

  #keep(name: string, value: unknown, freshMs: number): void {
    this.#cache.delete(name);
    this.#cache.set(name, { value, untilMs: this.#now() + freshMs });
    // A map keeps its order of insertion, so the first one is the one that was read longest ago.
    if (this.#cache.size > DOCUMENTS_MAX) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
  }
}

/** A key's hash is no secret, but a log needs no more of it than tells two apart. */
function redact(name: string): string {
  return name.startsWith("key:") ? name.slice(0, 12) : name;
}
