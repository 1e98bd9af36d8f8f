// The words that the admin API and the registry exchange. Documents cross as JSON text, and every answer that an
// operator can bring about is a value.
import type { Limit } from "./ledger/limit.ts";
import type { Fault } from "./parse.ts";
import type { Scope } from "./tenant.ts";

export const DOCUMENT_KINDS = ["catalog", "policy", "organisation", "tenant", "key"] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];
/** Keys are created, rotated and revoked, never written over. */
export type WritableKind = Exclude<DocumentKind, "key">;

/** The one id that a catalog has. */
export const CATALOG_ID = "catalog";

export interface StoredDocument {
  readonly kind: DocumentKind;
  /** `catalog`, a policy's name, an organisation's or a tenant's id, or the SHA-256 of a key's secret in hex. */
  readonly id: string;
  /** Counts up from 1 with every write of this id, also across a removal. */
  readonly version: number;
  readonly updatedAtMs: number;
  readonly documentText: string;
  /** KV was seen to hold this version. */
  readonly isPublished: boolean;
}

export interface DocumentPage {
  readonly documents: readonly StoredDocument[];
  /** What to ask the next page after; null at the end. */
  readonly next: string | null;
}

export interface WriteOptions {
  /** Checks everything and writes nothing. */
  readonly isDryRun?: boolean;
  /** Takes a catalog that names secrets which are not set here yet; calls that need them fail until they are. */
  readonly areSecretsLater?: boolean;
}

export interface Faulty {
  readonly kind: "faulty";
  readonly faults: readonly Fault[];
}

/** Somebody else wrote first, or there is no such document (0). Read again, then decide. */
export interface Stale {
  readonly kind: "stale";
  readonly version: number;
}

export type PutAnswer =
  | { readonly kind: "written"; readonly version: number; readonly documentText: string }
  /** Of a dry run: it would be written so, at this version. */
  | { readonly kind: "valid"; readonly version: number; readonly documentText: string }
  | Stale
  | Faulty;

export type RemoveAnswer =
  | { readonly kind: "removed"; readonly version: number }
  | { readonly kind: "valid"; readonly version: number }
  | Stale
  | Faulty;

export interface KeyOrder {
  readonly id: string;
  /** SHA-256 of the secret in hex: the registry never sees the secret. */
  readonly hash: string;
  readonly tenant: string;
  readonly name?: string;
  readonly scopes?: readonly Scope[];
  readonly limits?: readonly Limit[];
  readonly expiresAtMs?: number;
}

export type KeyCreated =
  | { readonly kind: "created"; readonly version: number; readonly documentText: string }
  | Faulty;

export interface RotateOrder {
  readonly id: string;
  readonly hash: string;
  /** How long the old key still opens. 0 revokes it at once. */
  readonly overlapMs: number;
  /** The new key's; absent: the old one's. */
  readonly limits?: readonly Limit[];
}

export type KeyRotated =
  | {
      readonly kind: "rotated";
      /** The new key: the old one's tenant, name, scopes, expiry and, unless others were ordered, limits. */
      readonly documentText: string;
      readonly oldExpiresAtMs: number;
    }
  | { readonly kind: "missing" }
  | Faulty;

export type KeyRevoked =
  | {
      readonly kind: "revoked";
      readonly version: number;
      readonly revokedAtMs: number;
      /** The tenant's ledger refuses it from now on. False: it could not be reached, and is told until it confirms. */
      readonly isConfirmed: boolean;
    }
  | { readonly kind: "missing" };

export interface FoundDocument {
  readonly version: number;
  readonly documentText: string;
}

export interface Export {
  /** Whole, and without secrets: keys are hashes, upstreams name theirs. */
  readonly documentText: string;
  /** The newest audit line at that moment. */
  readonly revision: number;
}

export interface ImportOptions extends WriteOptions {
  /** The revision that the importer looked at; null takes the place of whatever stands. */
  readonly expectedRevision: number | null;
}

export interface ImportChange {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly change: "create" | "update" | "remove" | "revoke";
}

export type ImportAnswer =
  | {
      /** `valid` is a dry run's. */
      readonly kind: "imported" | "valid";
      readonly revision: number;
      readonly changes: readonly ImportChange[];
    }
  | { readonly kind: "stale"; readonly revision: number }
  | Faulty;

export interface AuditLine {
  readonly seq: number;
  readonly atMs: number;
  readonly actor: string;
  readonly kind: DocumentKind;
  readonly id: string;
  readonly version: number;
  /** Null where the document began. */
  readonly before: string | null;
  /** Null where it was removed. */
  readonly after: string | null;
}

/** A document that KV was not yet seen to hold. */
export interface Unpublished {
  readonly kind: DocumentKind;
  readonly id: string;
  readonly version: number;
  /** The version that was last put to KV; 0 when none was. */
  readonly putVersion: number;
  readonly tries: number;
  readonly nextTryAtMs: number;
  readonly problem: string | null;
}

export interface Unconfirmed {
  readonly tenant: string;
  readonly keyId: string;
  readonly tries: number;
  readonly nextTryAtMs: number;
}

/** What the rest of the gateway does not know yet. Lists are cut at 100; the counts are whole. */
export interface Publication {
  readonly unpublishedCount: number;
  readonly unpublished: readonly Unpublished[];
  readonly unconfirmedCount: number;
  /** Revoked keys that their tenant's ledger has not confirmed, and rotated ones whose overlap still runs. */
  readonly unconfirmed: readonly Unconfirmed[];
}
