// From the wrangler.toml that is committed to the one that is deployed: the same but for the ids that an account gives.
// It is written beside, never over: what is committed names no account.
import { resolve } from "node:path";
import { parse } from "smol-toml";
import { StartFailure } from "../failure.ts";

export interface Committed {
  readonly workerName: string;
  readonly binding: string;
  /** Of the namespace, when the file has a real one instead of a placeholder. */
  readonly namespaceId: string | null;
}

/** As Cloudflare makes them. */
const NAMESPACE_ID = /^[0-9a-f]{32}$/;

interface KvNamespace {
  readonly binding: string;
  readonly id: string;
}

export function readCommitted(toml: string): Committed {
  const { name, kv_namespaces: namespaces } = parse(toml);
  const [namespace, ...others] = (namespaces ?? []) as unknown as readonly KvNamespace[];
  if (typeof name !== "string" || namespace === undefined || others.length > 0)
    throw new StartFailure("wrangler.toml must have a name and exactly one KV namespace.");
  return {
    workerName: name,
    binding: namespace.binding,
    namespaceId: NAMESPACE_ID.test(namespace.id) ? namespace.id : null,
  };
}

export interface Deployed {
  readonly folder: string;
  readonly namespaceId: string;
  /** wrangler refuses an upload by itself when one of these is unset. */
  readonly secretNames: readonly string[];
}

/** JSON, which wrangler reads as well. */
export function writeConfiguration(
  toml: string,
  { folder, namespaceId, secretNames }: Deployed,
): string {
  const {
    main,
    kv_namespaces: namespaces,
    ...rest
  } = parse(toml) as Readonly<Record<string, unknown>> & {
    readonly main: string;
    readonly kv_namespaces: readonly KvNamespace[];
  };
  return JSON.stringify({
    ...rest,
    // Relative to the file that names it, which stands elsewhere now.
    main: resolve(folder, main),
    kv_namespaces: namespaces.map((namespace) => ({ ...namespace, id: namespaceId })),
    secrets: { required: secretNames },
  });
}
