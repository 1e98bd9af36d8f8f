// The whole configuration as one document, for export and import. All sections must be there: half a document would read
// as an order to remove the other half.
import * as z from "zod/mini";
import { parseCatalog, type Catalog } from "./catalog.ts";
import { parseOrganisation, type Organisation } from "./organisation.ts";
import { faultAt, parseWith, type Fault, type Parsed } from "./parse.ts";
import { parsePolicy, type Policy } from "./policy.ts";
import { parseKey, parseTenant, type Key, type Tenant } from "./tenant.ts";

/** Says how to read the rest; a form that older code cannot read gets a new one. */
export const FORMAT = "sluice-configuration-2";
/** Before there were organisations. It is read as a document that has none. */
const FORMAT_1 = "sluice-configuration-1";

export const KEY_HASH = /^[0-9a-f]{64}$/;

/** A document with the text that was written, without the defaults that parsing adds. */
export interface Written<T> {
  readonly value: T;
  readonly text: string;
}

export interface ConfigurationDocument {
  readonly catalog: Written<Catalog>;
  readonly policies: readonly Written<Policy>[];
  readonly organisations: readonly Written<Organisation>[];
  readonly tenants: readonly Written<Tenant>[];
  readonly keys: readonly (Written<Key> & { readonly hash: string })[];
}

/** What it holds is its own declaration's to say. */
const written = z.looseObject({});
const entries = z.array(z.unknown());
const former = {
  catalog: written,
  policies: entries,
  tenants: entries,
  keys: z.array(
    z.strictObject({
      hash: z.string().check(z.regex(KEY_HASH)),
      key: written,
    }),
  ),
};
const sections1 = z.strictObject({ format: z.literal(FORMAT_1), ...former });
const sections = z.strictObject({
  format: z.literal(FORMAT),
  ...former,
  organisations: entries,
});
type Sections = Omit<z.infer<typeof sections>, "format">;

/** Every document by itself; what they say of each other is references.ts. */
export function parseConfigurationDocument(document: unknown): Parsed<ConfigurationDocument> {
  const parsed = parseSections(document);
  if (parsed.kind === "faulty") return parsed;
  const { value } = parsed;
  const faults: Fault[] = [];
  const read = <T>(
    place: string,
    written: unknown,
    parse: (document: unknown) => Parsed<T>,
  ): Written<T>[] => {
    const one = parse(written);
    if (one.kind === "parsed") return [{ value: one.value, text: JSON.stringify(written) }];
    faults.push(
      ...one.faults.map(({ path, problem }) =>
        faultAt(path === "" ? place : `${place}.${path}`, problem),
      ),
    );
    return [];
  };

  const [catalog] = read("catalog", value.catalog, parseCatalog);
  const policies = value.policies.flatMap((written, index) =>
    read(`policies.${index}`, written, parsePolicy),
  );
  const organisations = value.organisations.flatMap((written, index) =>
    read(`organisations.${index}`, written, parseOrganisation),
  );
  const tenants = value.tenants.flatMap((written, index) =>
    read(`tenants.${index}`, written, parseTenant),
  );
  const keys = value.keys.flatMap(({ hash, key }, index) =>
    read(`keys.${index}.key`, key, parseKey).map((written) => ({ ...written, hash })),
  );
  if (catalog === undefined || faults.length > 0) return { kind: "faulty", faults };
  // Only now do places in the parsed lists agree with those in the document.
  faults.push(
    ...findTwice(
      "policies",
      "name",
      policies.map(({ value: { name } }) => name),
    ),
    ...findTwice(
      "organisations",
      "id",
      organisations.map(({ value: { id } }) => id),
    ),
    ...findTwice(
      "tenants",
      "id",
      tenants.map(({ value: { id } }) => id),
    ),
    ...findTwice(
      "keys",
      "hash",
      keys.map(({ hash }) => hash),
    ),
    ...findTwice(
      "keys",
      "key.id",
      keys.map(({ value: { id } }) => id),
    ),
  );
  return faults.length > 0
    ? { kind: "faulty", faults }
    : { kind: "parsed", value: { catalog, policies, organisations, tenants, keys } };
}

function parseSections(document: unknown): Parsed<Sections> {
  const { format } = (document ?? {}) as { readonly format?: unknown };
  if (format !== FORMAT_1) return parseWith<Sections>(sections, document);
  const parsed = parseWith<Omit<Sections, "organisations">>(sections1, document);
  return parsed.kind === "faulty"
    ? parsed
    : { kind: "parsed", value: { ...parsed.value, organisations: [] } };
}

/** Writes what `parseConfigurationDocument` reads, from texts as they were written. */
export function writeConfigurationDocument(texts: {
  readonly catalog: string | null;
  readonly policies: readonly string[];
  readonly organisations: readonly string[];
  readonly tenants: readonly string[];
  readonly keys: readonly { readonly hash: string; readonly text: string }[];
}): string {
  const keys = texts.keys.map(({ hash, text }) => `{"hash":${JSON.stringify(hash)},"key":${text}}`);
  return [
    `{"format":${JSON.stringify(FORMAT)}`,
    `"catalog":${texts.catalog ?? "null"}`,
    `"policies":[${texts.policies.join(",\n")}]`,
    `"organisations":[${texts.organisations.join(",\n")}]`,
    `"tenants":[${texts.tenants.join(",\n")}]`,
    `"keys":[${keys.join(",\n")}]}\n`,
  ].join(",\n");
}

function findTwice(list: string, field: string, ids: readonly string[]): Fault[] {
  const seen = new Set<string>();
  const faults: Fault[] = [];
  for (const [index, id] of ids.entries()) {
    if (seen.has(id)) faults.push(faultAt(`${list}.${index}.${field}`, `"${id}" stands twice`));
    seen.add(id);
  }
  return faults;
}
