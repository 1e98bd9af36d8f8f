// Which ledgers may know something of a tenant. Its document says where its calls are held now; that there were more shards
// before, only the registry remembers.
import { everyLedgerName } from "../policies/ledger/shard.ts";
import type { Tenant } from "../policies/tenant.ts";
import { logError } from "./log.ts";
import { TIMED_OUT, within } from "./stream/wait.ts";

/** Shards change when an operator says so, and a client that reads its usage all day asks the registry once a minute. */
const FRESH_MS = 60_000;
/** While the registry is away it is asked again by the same client after this. */
const FAILED_FRESH_MS = 5_000;
/** The registry answers within milliseconds or is in trouble, and the document's own shards are most of the answer. */
const ASK_MS_MAX = 1_000;
/** Tenants remembered in an isolate, with some hundred characters each; a flood forgets all of them. */
const REMEMBERED_MAX = 2_000;

interface Known {
  readonly names: readonly string[];
  readonly untilMs: number;
}

/** Plain data, shared by the requests of an isolate. */
export type LedgerMemory = Map<string, Known>;

export class TenantLedgers {
  readonly #ask: (tenantId: string) => Promise<readonly string[]>;
  readonly #memory: LedgerMemory;
  readonly #now: () => number;

  constructor(
    ask: (tenantId: string) => Promise<readonly string[]>,
    memory: LedgerMemory,
    now: () => number,
  ) {
    this.#ask = ask;
    this.#memory = memory;
    this.#now = now;
  }

  /** The tenant's own first. While the registry is away: those that are known of. */
  async namesOf({ id, shards }: Pick<Tenant, "id" | "shards">): Promise<readonly string[]> {
    const present = everyLedgerName(id, shards);
    const known = this.#memory.get(id);
    if (known !== undefined && this.#now() < known.untilMs) return union(present, known.names);
    try {
      const names = await within(this.#ask(id), ASK_MS_MAX);
      if (names === TIMED_OUT) throw new Error(`no answer within ${ASK_MS_MAX} ms`);
      this.#remember(id, names, FRESH_MS);
      return union(present, names);
    } catch (error) {
      logError("registry-unreachable", { problem: String(error) });
      const names = known?.names ?? [];
      this.#remember(id, names, FAILED_FRESH_MS);
      return union(present, names);
    }
  }

  #remember(id: string, names: readonly string[], freshMs: number): void {
    if (this.#memory.size >= REMEMBERED_MAX) this.#memory.clear();
    this.#memory.set(id, { names, untilMs: this.#now() + freshMs });
  }
}

function union(present: readonly string[], known: readonly string[]): readonly string[] {
  return [...new Set([...present, ...known])];
}
