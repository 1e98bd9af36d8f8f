// Where a tenant's calls are or were held: its own ledger, and as many shards as it ever had at once.
import { everyLedgerName } from "../policies/ledger/shard.ts";
import type { Ledger } from "./ledger.ts";
import { ledgerOf } from "./reach.ts";
import type { RegistryBook } from "./registry-book.ts";

/**
 * The tenant's own first. Shards that were given up are among them: they hold history and perhaps open calls, and a key
 * that was revoked stays so when they are used again.
 */
export function ledgersOf(book: RegistryBook, tenantId: string): string[] {
  return everyLedgerName(tenantId, book.shardsEver(tenantId));
}

/** Tells each of those ledgers that a key holds nothing any more; fails where one was not told. */
export async function revokeIn(
  ledgers: DurableObjectNamespace<Ledger>,
  names: readonly string[],
  keyId: string,
): Promise<void> {
  await Promise.all(names.map((name) => ledgerOf(ledgers, name).revoke(keyId)));
}
