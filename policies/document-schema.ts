// The shape of each document that operators write: the declaration that checks it, and the JSON Schema that is generated
// from it for editors and other programs. What documents say of each other is references.ts, and no schema can hold it.
import * as z from "zod/mini";
import type { DocumentKind } from "./administration.ts";
import { catalog } from "./catalog.ts";
import { organisation } from "./organisation.ts";
import { policy } from "./policy.ts";
import { key, TAG_NAME, tags, tenant } from "./tenant.ts";

export const DECLARATIONS = {
  catalog,
  policy,
  organisation,
  tenant,
  key,
} as const satisfies Readonly<Record<DocumentKind, z.ZodMiniType>>;

/** As an operator writes it: what has a default may be left out. The Worker serves a text of it (`npm run describe`). */
export function documentSchema(kind: DocumentKind): object {
  return z.toJSONSchema(DECLARATIONS[kind], { io: "input", override: describeNames });
}

/** What is checked of tags' names beside their declaration. */
export const describeNames: NonNullable<z.core.ToJSONSchemaParams["override"]> = ({
  zodSchema,
  jsonSchema,
}) => {
  if ((zodSchema as object) !== tags) return;
  delete jsonSchema.properties;
  jsonSchema.propertyNames = { type: "string", pattern: TAG_NAME.source };
};
