// The typed way to reach each object. Names are made here and nowhere else, and where state is a tenant's the name
// carries the tenant, so that tenants never meet. A stub that threw is broken: reach again, which costs nothing.
import type { Breaker } from "./breaker.ts";
import type { Conversation } from "./conversation.ts";
import type { Feedback } from "./feedback.ts";
import type { Head } from "./head.ts";
import { reach, type PersistedNamespace, type Remote } from "./itty.ts";
import type { Ledger } from "./ledger.ts";
import type { PrefixIndex } from "./prefix-index.ts";
import type { Registry } from "./registry.ts";

/**
 * A ledger by its name: a tenant's id, `ID#n` for the shards of a busy tenant (`ledgerName` in policies/ledger/shard.ts
 * says which), `org:ID` for an organisation. A tenant's id holds neither sign, so no name is another's.
 */
export function ledgerOf(
  namespace: DurableObjectNamespace<Ledger>,
  name: string,
): DurableObjectStub<Ledger> {
  return namespace.getByName(name);
}

export function feedbackOf(
  namespace: DurableObjectNamespace<Feedback>,
  tenantId: string,
): DurableObjectStub<Feedback> {
  return namespace.getByName(tenantId);
}

/** What a tenant's traffic taught under one policy. A tenant's id holds no colon, so no policy spells another's head. */
export function headOf(
  namespace: DurableObjectNamespace<Head>,
  tenantId: string,
  policyName: string,
): DurableObjectStub<Head> {
  return namespace.getByName(`${tenantId}:${policyName}`);
}

/** A tenant's id holds no colon, so no session of one tenant can spell another's name. */
export function conversationOf(
  namespace: DurableObjectNamespace<Conversation>,
  tenantId: string,
  sessionHash: string,
): DurableObjectStub<Conversation> {
  return namespace.getByName(`${tenantId}:${sessionHash}`);
}

/**
 * An upstream's health is the operator's and belongs to no tenant. The prefix keeps an id of 64 hex digits from being
 * read as an object id by itty-durable. Never await the result itself, only its methods.
 */
export function breakerOf(namespace: PersistedNamespace, upstreamId: string): Remote<Breaker> {
  return reach<Breaker>(namespace, `upstream:${upstreamId}`);
}

/** One for the whole gateway: writes are rare, and reads come from KV. */
export function registryOf(
  namespace: DurableObjectNamespace<Registry>,
): DurableObjectStub<Registry> {
  return namespace.getByName("registry");
}

/** What is cached where in one upstream's pool. Its keys are made per tenant, so no two tenants' prefixes are equal in it. */
export function prefixIndexOf(
  namespace: DurableObjectNamespace<PrefixIndex>,
  upstreamId: string,
): DurableObjectStub<PrefixIndex> {
  return namespace.getByName(upstreamId);
}
