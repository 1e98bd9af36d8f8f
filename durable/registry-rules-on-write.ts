// What policies/rules-on-write.ts says of a document that would take the place of one that stands.
import { CATALOG_ID } from "../policies/administration.ts";
import { parseCatalog, type Catalog } from "../policies/catalog.ts";
import type { Fault } from "../policies/parse.ts";
import { findCatalogFaultsOnWrite, findPolicyFaultsOnWrite } from "../policies/rules-on-write.ts";
import type { RegistryBook } from "./registry-book.ts";
import type { Written } from "./registry-references.ts";

export function findFaultsOnWrite(book: RegistryBook, written: Written): Fault[] {
  switch (written.kind) {
    case "catalog": {
      // Nearly none has any, so the catalog before is rarely read.
      const faults = findCatalogFaultsOnWrite(written.value, null);
      return faults.length === 0
        ? []
        : findCatalogFaultsOnWrite(written.value, standingCatalog(book));
    }
    case "policy":
      return findPolicyFaultsOnWrite(written.value);
    case "organisation":
    case "tenant":
      return [];
  }
}

/** Null too where it cannot be read any more: then nothing of it is let be. */
function standingCatalog(book: RegistryBook): Catalog | null {
  const parsed = parseCatalog(JSON.parse(book.find("catalog", CATALOG_ID)?.text ?? "null"));
  return parsed.kind === "parsed" ? parsed.value : null;
}
