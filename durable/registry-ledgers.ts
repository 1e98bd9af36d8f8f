// Where a tenant's calls are held: its own ledger, and its shards while it has some.
import { ledgerNames } from "../policies/ledger/shard.ts";
import { parseTenant } from "../policies/tenant.ts";
import type { Ledger } from "./ledger.ts";
import { ledgerOf } from "./reach.ts";
import type { RegistryBook } from "./registry-book.ts";

/** The tenant's own is always among them: a key that was revoked there stays so when the shards are given up. */
export function ledgersOf(book: RegistryBook, tenantId: string): string[] {
  const text = book.find("tenant", tenantId)?.text ?? null;
  const parsed = text === null ? null : parseTenant(JSON.parse(text));
  const shards = parsed?.kind === "parsed" ? parsed.value.shards : 1;
  return [...new Set([tenantId, ...ledgerNames(tenantId, shards)])];
}

/** Tells each of those ledgers that a key holds nothing any more; fails where one was not told. */
export async function revokeIn(
  ledgers: DurableObjectNamespace<Ledger>,
  names: readonly string[],
  keyId: string,
): Promise<void> {
  await Promise.all(names.map((name) => ledgerOf(ledgers, name).revoke(keyId)));
}
