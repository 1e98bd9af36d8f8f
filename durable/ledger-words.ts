// Texts that come again with every call, kept once: paths with their limits, prices, what a call is called, and how calls
// end. The journal names them by number.
import type { CallWords, Path, PinnedPrices } from "../policies/ledger/entry.ts";
import type { Limit } from "../policies/ledger/limit.ts";

/** Words that are remembered beside the database; when there are more, all are forgotten and read anew. */
const REMEMBERED_MAX = 4_096;
const DAY_MS = 24 * 60 * 60 * 1000;

type LimitWord = readonly [Limit["dimension"], Limit["window"], number, number | null, boolean];
/** The zone, then the words of each scope's name, limits and lender if any: users share limits, and limits are long. */
type ScopeWord = readonly [scope: number, limits: number, lender?: number];
type PathWord = readonly [zone: string, ...scopes: ScopeWord[]];
type PricesWord = readonly [string | null, number, number, number, number];
type CallWord = readonly [string, string, string | null, string, readonly string[]];

export class Words {
  readonly #sql: SqlStorage;
  /** Of words that were marked as used on this day. */
  readonly #ids = new Map<string, number>();
  #day = 0;
  readonly #values = new Map<number, unknown>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Words that are asked for from now on are written into a line of this time. Days only go on. */
  useAt(atMs: number): void {
    const day = Math.floor(atMs / DAY_MS);
    if (day <= this.#day) return;
    this.#day = day;
    this.#ids.clear();
  }

  /** Forgets at most `max` words that were not written since a day that lies well before `firstAtMs`. */
  prune(firstAtMs: number, max: number): void {
    const { rowsWritten } = this.#sql.exec(
      "DELETE FROM word WHERE id IN (SELECT id FROM word WHERE coalesce(used_day, 0) < ? LIMIT ?)",
      Math.floor(firstAtMs / DAY_MS) - 1,
      max,
    );
    if (rowsWritten === 0) return;
    // A new word may get the number of one that went.
    this.#ids.clear();
    this.#values.clear();
  }

  pathId({ zone, scopes }: Path): number {
    const word: PathWord = [
      zone,
      ...scopes.map(({ scope, limits, lender }): ScopeWord => {
        const named = [this.#idOf(scope), this.#idOf(limits.map(limitWord))] as const;
        return lender === undefined ? named : [...named, this.#idOf(lender)];
      }),
    ];
    return this.#idOf(word);
  }

  /** The same object each time, so that open calls share theirs. */
  path(id: number): Path {
    return this.#read(id, (word: PathWord): Path => {
      const [zone, ...scopes] = word;
      return {
        zone,
        scopes: scopes.map(([scope, limits, lender]) => ({
          scope: this.text(scope),
          limits: this.#read(limits, (list: readonly LimitWord[]) => list.map(readLimit)),
          ...(lender === undefined ? {} : { lender: this.text(lender) }),
        })),
      };
    });
  }

  pricesId(prices: PinnedPrices): number {
    const { version, inputNanosPerMtok, cachedInputNanosPerMtok } = prices;
    const { cacheWriteNanosPerMtok, outputNanosPerMtok } = prices;
    const word: PricesWord = [
      version,
      inputNanosPerMtok,
      cachedInputNanosPerMtok,
      cacheWriteNanosPerMtok,
      outputNanosPerMtok,
    ];
    return this.#idOf(word);
  }

  prices(id: number): PinnedPrices {
    return this.#read(id, (word: PricesWord): PinnedPrices => {
      const [version, input, cachedInput, cacheWrite, output] = word;
      return {
        version,
        inputNanosPerMtok: input,
        cachedInputNanosPerMtok: cachedInput,
        cacheWriteNanosPerMtok: cacheWrite,
        outputNanosPerMtok: output,
      };
    });
  }

  callWordsId({ keyId, policyVersion, variant, arm, strategies }: CallWords): number {
    const word: CallWord = [keyId, policyVersion, variant, arm, strategies];
    return this.#idOf(word);
  }

  callWords(id: number): CallWords {
    return this.#read(id, (word: CallWord): CallWords => {
      const [keyId, policyVersion, variant, arm, strategies] = word;
      return { keyId, policyVersion, variant, arm, strategies };
    });
  }

  textId(text: string): number {
    return this.#idOf(text);
  }

  text(id: number): string {
    return this.#read(id, (text: string) => text);
  }

  #idOf(value: unknown): number {
    const text = JSON.stringify(value);
    const remembered = this.#ids.get(text);
    if (remembered !== undefined) return remembered;
    const id = this.#markedId(text);
    if (this.#ids.size >= REMEMBERED_MAX) this.#ids.clear();
    this.#ids.set(text, id);
    return id;
  }

  /** Marks a word as used today, with one row a word and day. */
  #markedId(text: string): number {
    const [row] = this.#sql
      .exec<{ id: number; used_day: number | null }>(
        "SELECT id, used_day FROM word WHERE text = ?",
        text,
      )
      .toArray();
    if (row === undefined)
      return this.#sql
        .exec<{ id: number }>(
          "INSERT INTO word (text, used_day) VALUES (?, ?) RETURNING id",
          text,
          this.#day,
        )
        .one().id;
    if ((row.used_day ?? 0) < this.#day)
      this.#sql.exec("UPDATE word SET used_day = ? WHERE id = ?", this.#day, row.id);
    return row.id;
  }

  #read<Word, Value>(id: number, of: (word: Word) => Value): Value {
    const known = this.#values.get(id);
    // A word is always read as what it was written as: the journal says where it stands.
    if (known !== undefined) return known as Value;
    const value = of(this.#parsed(id) as Word);
    if (this.#values.size >= REMEMBERED_MAX) this.#values.clear();
    this.#values.set(id, value);
    return value;
  }

  #parsed(id: number): unknown {
    return JSON.parse(
      this.#sql.exec<{ text: string }>("SELECT text FROM word WHERE id = ?", id).one().text,
    );
  }
}

function limitWord({ dimension, window, limit, burst, hard }: Limit): LimitWord {
  return [dimension, window, limit, burst ?? null, hard];
}

function readLimit([dimension, window, limit, burst, hard]: LimitWord): Limit {
  return burst === null
    ? { dimension, window, limit, hard }
    : { dimension, window, limit, burst, hard };
}
