// Every shape that crosses the admin API, declared once: the OpenAPI document shows it, and what bodies.ts has of it is checked.
// Documents are camelCase, as they are stored; what stands around them is snake_case, as in all of Sluice's HTTP.
import * as z from "zod/mini";
import { DOCUMENT_KINDS } from "../../policies/administration.ts";
import { FORMAT, KEY_HASH } from "../../policies/configuration-document.ts";
import { DECLARATIONS, describeNames } from "../../policies/document-schema.ts";
import { gradeOrder, isolationOrder, keyOrder, refundOrder, rotation } from "./bodies.ts";
import { gradeResults, router, routerAct } from "./router-shapes.ts";
import { pool, poolIsolation } from "./pool-shapes.ts";
import { prompts } from "./prompt-shapes.ts";
import { opinion } from "./feedback-shapes.ts";
import { instant, journalLine, organisationUsage, refund, usage } from "./ledger-shapes.ts";

const { catalog, policy, organisation, tenant, key } = DECLARATIONS;
const version = z.int().check(z.gte(0));
const timeMs = z.int().check(z.gte(0));
const count = z.int().check(z.gte(0));

const stored = {
  id: z.string(),
  version,
  updated_at: instant,
  /** KV was seen to hold this version; requests read there. */
  published: z.boolean(),
};
const storedTenant = z.strictObject({
  object: z.literal("tenant"),
  ...stored,
  document: tenant,
});
const storedOrganisation = z.strictObject({
  object: z.literal("organisation"),
  ...stored,
  document: organisation,
});
const storedPolicy = z.strictObject({ object: z.literal("policy"), ...stored, document: policy });
const storedCatalog = z.strictObject({
  object: z.literal("catalog"),
  ...stored,
  document: catalog,
});
const storedKey = z.strictObject({
  object: z.literal("key"),
  ...stored,
  /** SHA-256 of the secret, which is kept nowhere. */
  hash: z.string().check(z.regex(KEY_HASH)),
  document: key,
});

/** `dry_run`: everything was checked and nothing was written; `version` is the one that it would get. */
const written = { id: z.string(), version, published: z.boolean(), dry_run: z.boolean() };
const writtenTenant = z.strictObject({
  object: z.literal("tenant"),
  ...written,
  document: tenant,
});
const writtenOrganisation = z.strictObject({
  object: z.literal("organisation"),
  ...written,
  document: organisation,
});
const writtenPolicy = z.strictObject({
  object: z.literal("policy"),
  ...written,
  document: policy,
});
const writtenCatalog = z.strictObject({
  object: z.literal("catalog"),
  ...written,
  document: catalog,
});
const removed = z.strictObject({
  object: z.enum(DOCUMENT_KINDS),
  id: z.string(),
  version,
  removed: z.boolean(),
  dry_run: z.boolean(),
});

/** The only answer that ever shows a secret; null in a dry run. */
const newKey = z.strictObject({
  object: z.literal("key"),
  id: z.nullable(z.string()),
  secret: z.nullable(z.string()),
  dry_run: z.boolean(),
  /** Of a rotation: until when the old key opens. */
  old: z.optional(z.strictObject({ id: z.string(), expires_at_ms: timeMs })),
  document: z.nullable(key),
});
const revokedKey = z.strictObject({
  object: z.literal("key"),
  id: z.string(),
  revoked_at_ms: z.nullable(timeMs),
  /** The tenant's ledger refuses it from now on. False: it is told until it confirms. */
  confirmed: z.boolean(),
  dry_run: z.boolean(),
});

const upstream = z.strictObject({
  object: z.literal("upstream"),
  id: z.string(),
  engine: z.string(),
  base_url: z.string(),
  /** Null where it needs none. */
  secret: z.nullable(z.strictObject({ name: z.string(), is_set: z.boolean() })),
  breaker: z.strictObject({
    /** `unknown`: it did not answer, and calls go out as if it were closed. */
    state: z.enum(["closed", "open", "half-open", "unknown"]),
    permitted: z.boolean(),
    retry_in_ms: z.number(),
    recent_failures: count,
  }),
});

const auditLine = z.strictObject({
  seq: count,
  at: instant,
  actor: z.string(),
  kind: z.enum(DOCUMENT_KINDS),
  id: z.string(),
  version,
  /** Null where the document began. */
  before: z.nullable(z.unknown()),
  /** Null where it was removed. */
  after: z.nullable(z.unknown()),
});

const configuration = z.strictObject({
  format: z.literal(FORMAT),
  catalog,
  policies: z.array(policy),
  organisations: z.array(organisation),
  tenants: z.array(tenant),
  keys: z.array(z.strictObject({ hash: z.string().check(z.regex(KEY_HASH)), key })),
});
const imported = z.strictObject({
  object: z.literal("import"),
  dry_run: z.boolean(),
  revision: count,
  published: z.boolean(),
  changes: z.array(
    z.strictObject({
      kind: z.enum(DOCUMENT_KINDS),
      id: z.string(),
      change: z.enum(["create", "update", "remove", "revoke"]),
    }),
  ),
});

const publication = z.strictObject({
  object: z.literal("publication"),
  /** Documents that KV was not yet seen to hold; the first hundred are listed. */
  unpublished_count: count,
  unpublished: z.array(
    z.strictObject({
      kind: z.enum(DOCUMENT_KINDS),
      id: z.string(),
      version,
      put_version: count,
      tries: count,
      next_try_at: instant,
      problem: z.nullable(z.string()),
    }),
  ),
  /** Revoked keys that their tenant's ledger has not confirmed, and rotated ones whose overlap still runs. */
  unconfirmed_count: count,
  unconfirmed: z.array(
    z.strictObject({ tenant: z.string(), key_id: z.string(), tries: count, next_try_at: instant }),
  ),
});

const error = z.strictObject({
  error: z.strictObject({
    message: z.string(),
    type: z.string(),
    param: z.nullable(z.string()),
    code: z.string(),
    faults: z.optional(z.array(z.strictObject({ path: z.string(), problem: z.string() }))),
    version: z.optional(version),
  }),
});

function page<T extends z.ZodMiniType>(of: T) {
  return z.strictObject({
    object: z.literal("list"),
    data: z.array(of),
    /** To be sent as `after` for the next page; null at the end. */
    next: z.nullable(z.string()),
  });
}

export const SHAPES = {
  Catalog: catalog,
  Policy: policy,
  Organisation: organisation,
  Tenant: tenant,
  Key: key,
  KeyOrder: keyOrder,
  Rotation: rotation,
  Configuration: configuration,
  StoredCatalog: storedCatalog,
  StoredPolicy: storedPolicy,
  StoredOrganisation: storedOrganisation,
  StoredTenant: storedTenant,
  StoredKey: storedKey,
  PolicyPage: page(storedPolicy),
  OrganisationPage: page(storedOrganisation),
  TenantPage: page(storedTenant),
  KeyPage: page(storedKey),
  WrittenCatalog: writtenCatalog,
  WrittenPolicy: writtenPolicy,
  WrittenOrganisation: writtenOrganisation,
  WrittenTenant: writtenTenant,
  Removed: removed,
  NewKey: newKey,
  RevokedKey: revokedKey,
  Usage: usage,
  OrganisationUsage: organisationUsage,
  JournalLine: journalLine,
  RefundOrder: refundOrder,
  Refund: refund,
  GradeOrder: gradeOrder,
  GradeResults: gradeResults,
  Router: router,
  RouterAct: routerAct,
  UpstreamPage: page(upstream),
  Pool: pool,
  Prompts: prompts,
  FeedbackPage: page(opinion),
  IsolationOrder: isolationOrder,
  PoolIsolation: poolIsolation,
  AuditPage: page(auditLine),
  Imported: imported,
  Publication: publication,
  Schema: z.looseObject({}),
  Error: error,
} as const satisfies Readonly<Record<string, z.ZodMiniType>>;
export type ShapeName = keyof typeof SHAPES;

/** JSON Schemas by name, each of which names the others that it uses. */
export function describeShapes(): Readonly<Record<string, object>> {
  const registry = z.registry<{ id: string }>();
  for (const [id, shape] of Object.entries(SHAPES)) registry.add(shape as z.ZodMiniType, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    override: describeNames,
    uri: (id) => `#/components/schemas/${id}`,
  });
  // Inside an OpenAPI document a schema's own address would change what its references mean.
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [
      name,
      Object.fromEntries(Object.entries(schema).filter(([word]) => !/^\$(schema|id)$/.test(word))),
    ]),
  );
}
