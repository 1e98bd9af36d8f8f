// The registry, one object for the whole gateway: the truth for organisations, tenants, keys, policies and the catalog.
// Each write is checked, versioned, compared and audited in one transaction, then told to KV, which is where requests
// read. Requests never wait for it, but for a document that KV does not know or cannot show.
import { DurableObject } from "cloudflare:workers";
import type {
  AuditLine,
  DocumentKind,
  DocumentPage,
  Export,
  FoundDocument,
  ImportAnswer,
  ImportOptions,
  KeyCreated,
  KeyOrder,
  KeyRevoked,
  KeyRotated,
  Publication,
  PutAnswer,
  RemoveAnswer,
  RotateOrder,
  StoredDocument,
  WritableKind,
  WriteOptions,
} from "../policies/administration.ts";
import { logError } from "./log.ts";
import { migrate } from "./migrate.ts";
import { openRegistryBook, type RegistryBook } from "./registry-book.ts";
import { put, remove, standingVersion, type Turn } from "./registry-documents.ts";
import { exportAll, importAll } from "./registry-transfer.ts";
import { createKey, revokeKey, rotateKey } from "./registry-keys.ts";
import { boundPage, PAGE_CHARS_MAX, pageOf } from "./registry-pages.ts";
import { confirmRevocation, filedAs, publish } from "./registry-publication.ts";
import { openRegistryQueue, type RegistryQueue } from "./registry-queue.ts";
import { ledgersOf, revokeIn } from "./registry-ledgers.ts";
import { readKey } from "./registry-references.ts";
import {
  readAudit,
  readDocument,
  readUnconfirmed,
  readUnpublished,
  STEPS,
  type DocumentRow,
} from "./registry-rows.ts";
import { keepUp } from "./registry-upkeep.ts";

/** What is told of a long queue; the count tells the rest. */
const QUEUE_TOLD_MAX = 100;
/** Documents that are brought to KV side by side: a Worker has six connections. */
const PUBLISHED_AT_ONCE = 6;
/** Rounds of one run: with a read and a write each, it stays below the 1,000 operations of an invocation. */
const ROUNDS_PER_RUN_MAX = 60;
/** No alarm comes sooner than this after the last, so that nothing can make the object spin. */
const ALARM_SPACING_MS = 1_000;
/** A document that KV does not know although it was told this long ago: KV has lost something. */
const DOUBTED_AFTER_MS = 2 * 60_000;

export class Registry extends DurableObject<Env> {
  readonly #book: RegistryBook;
  readonly #queue: RegistryQueue;
  #lastMs: number;
  #isRunning = false;
  /** By key id; as many as one round of a run holds, and the revocations that are waited for. */
  readonly #confirming = new Map<string, Promise<void>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    migrate(ctx.storage, STEPS);
    this.#book = openRegistryBook(ctx.storage.sql);
    this.#queue = openRegistryQueue(ctx.storage.sql);
    this.#lastMs = this.#book.lastAtMs();
    // An alarm that failed too often is dropped by the platform; waking sets it anew.
    this.#arm();
  }

  read(kind: DocumentKind, id: string): StoredDocument | null {
    const row = this.#book.find(kind, id);
    return row === null || standingVersion(row) === 0 ? null : readDocument(row);
  }

  /** By the id that names the key in logs. */
  readKey(keyId: string): StoredDocument | null {
    const row = this.#book.findKey(keyId);
    return row === null ? null : readDocument(row);
  }

  /** Documents with ids after `after`, in the order of ids; keys in that of their hashes. */
  list(kind: DocumentKind, after: string, max: number): DocumentPage {
    return pageOf(
      this.#book.after(kind, after, boundPage(max) + 1),
      boundPage(max),
      ({ id }) => id,
    );
  }

  /** A tenant's keys after a key's id, dead ones too. */
  listKeys(tenant: string, afterKeyId: string, max: number): DocumentPage {
    const rows = this.#book.keysOf(tenant, afterKeyId, boundPage(max) + 1);
    return pageOf(rows, boundPage(max), (row) => readKey(row).id);
  }

  /** `expectedVersion` 0: there must be none yet. */
  put(
    kind: WritableKind,
    id: string,
    documentText: string,
    expectedVersion: number,
    actor: string,
    options: WriteOptions = {},
  ): PutAnswer {
    return this.#turn(actor, (turn) => put(turn, kind, id, documentText, expectedVersion, options));
  }

  remove(
    kind: WritableKind,
    id: string,
    expectedVersion: number,
    actor: string,
    options: WriteOptions = {},
  ): RemoveAnswer {
    return this.#turn(actor, (turn) => remove(turn, kind, id, expectedVersion, options));
  }

  createKey(order: KeyOrder, actor: string): KeyCreated {
    return this.#turn(actor, (turn) => createKey(turn, order));
  }

  /** The old key opens until its overlap ends, and its tenant's ledger then refuses it. */
  rotateKey(keyId: string, order: RotateOrder, actor: string): KeyRotated {
    return this.#turn(actor, (turn) => rotateKey(turn, keyId, order));
  }

  /** Marks the key and tells its tenant's ledger before it answers; asked again, it tries again. */
  async revokeKey(keyId: string, actor: string): Promise<KeyRevoked> {
    const answer = this.#turn(actor, (turn) => revokeKey(turn, keyId));
    if (answer.kind === "missing" || answer.isConfirmed) return answer;
    await this.#confirm(keyId);
    return { ...answer, isConfirmed: this.#queue.findRevocation(keyId) === null };
  }

  exportAll(): Export {
    return exportAll(this.#book);
  }

  /** Takes the place of everything that stands, or changes nothing. */
  importAll(documentText: string, actor: string, options: ImportOptions): ImportAnswer {
    return this.#turn(actor, (turn) => importAll(turn, documentText, options));
  }

  /** Lines after a seq, oldest first; fewer than asked for when they are long, none at the end. */
  audit(afterSeq: number, max: number): AuditLine[] {
    const lines: AuditLine[] = [];
    let chars = 0;
    for (const row of this.#book.auditAfter(afterSeq, boundPage(max))) {
      chars += (row.before?.length ?? 0) + (row.after?.length ?? 0);
      if (lines.length > 0 && chars > PAGE_CHARS_MAX) break;
      lines.push(readAudit(row));
    }
    return lines;
  }

  /**
   * For a Worker whose KV does not know a document (`isLost`) or is behind what was written, by KV's name for it. Null is
   * final: there is none here.
   */
  find(name: string, isLost = true): FoundDocument | null {
    const filed = filedAs(name);
    const row = filed === null ? null : this.#book.find(filed.kind, filed.id);
    if (row === null || row.text === null) return null;
    if (isLost && row.due_at_ms === null && row.put_at_ms + DOUBTED_AFTER_MS < Date.now())
      this.#doubt(row);
    return { version: row.version, documentText: row.text };
  }

  /** Names of every ledger that a tenant's calls are or were ever held in, its own first. */
  ledgersOf(tenantId: string): string[] {
    return ledgersOf(this.#book, tenantId);
  }

  publication(): Publication {
    return {
      unpublishedCount: this.#queue.unpublishedCount(),
      unpublished: this.#queue.unpublished(QUEUE_TOLD_MAX).map(readUnpublished),
      unconfirmedCount: this.#queue.revocationCount(),
      unconfirmed: this.#queue
        .revocationsDue(Number.MAX_SAFE_INTEGER, QUEUE_TOLD_MAX)
        .map(readUnconfirmed),
    };
  }

  /** Has every document compared with KV now, and put where they differ. */
  republish(): void {
    keepUp.startRound(this.#queue, this.#now());
    this.#arm();
  }

  /** At least once, and perhaps late. What fails in it is marked and comes again. */
  override async alarm(): Promise<void> {
    try {
      this.ctx.storage.transactionSync(() => keepUp.run(this.#book, this.#queue, this.#now()));
    } catch (error) {
      logError("registry-upkeep-failed", { problem: String(error) });
    }
    await this.#run();
  }

  /** One operation: all of it or nothing, then on its way to KV without keeping the caller. */
  #turn<T>(actor: string, operate: (turn: Turn) => T): T {
    const turn: Turn = {
      book: this.#book,
      queue: this.#queue,
      actor,
      nowMs: this.#now(),
      isSecretSet: (name) => {
        const value: unknown = Reflect.get(this.env, name);
        return typeof value === "string" && value !== "";
      },
    };
    const answer = this.ctx.storage.transactionSync(() => operate(turn));
    this.ctx.waitUntil(this.#run());
    return answer;
  }

  /** Everything that is due, one run at a time: that keeps the order of versions in KV. */
  async #run(): Promise<void> {
    // The alarm first: should this run die, another one comes.
    this.#arm();
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let round = 0; round < ROUNDS_PER_RUN_MAX; round += 1) {
        const nowMs = this.#now();
        const revocations = this.#queue.revocationsDue(nowMs, PUBLISHED_AT_ONCE);
        const documents = this.#queue.duePublications(nowMs, PUBLISHED_AT_ONCE);
        if (revocations.length + documents.length === 0) break;
        await Promise.all([
          ...revocations.map(({ key_id: keyId }) => this.#confirm(keyId)),
          ...documents.map((row) =>
            publish(row, this.#queue, this.env.CONFIGURATION, () => this.#now()),
          ),
        ]);
      }
    } finally {
      this.#isRunning = false;
      this.#arm();
    }
  }

  /** Whoever asks while the ledger is being told waits for that same answer. */
  #confirm(keyId: string): Promise<void> {
    const running = this.#confirming.get(keyId);
    const row = this.#queue.findRevocation(keyId);
    if (running !== undefined || row === null) return running ?? Promise.resolve();
    const names = ledgersOf(this.#book, row.tenant);
    const revoke = (id: string) => revokeIn(this.env.LEDGER, names, id);
    const confirming = confirmRevocation(row, this.#queue, revoke, () => this.#now()).finally(() =>
      this.#confirming.delete(keyId),
    );
    this.#confirming.set(keyId, confirming);
    return confirming;
  }

  #doubt({ kind, id }: DocumentRow): void {
    const nowMs = this.#now();
    logError("publication-doubted", { kind, id: id.slice(0, 12) });
    this.#queue.doubt(kind, id, nowMs);
    // Where one document is gone, more may be.
    keepUp.hasten(this.#queue, nowMs);
    this.ctx.waitUntil(this.#run());
  }

  /** The object's own clock, never backwards. */
  #now(): number {
    this.#lastMs = Math.max(this.#lastMs, Date.now());
    return this.#lastMs;
  }

  #arm(): void {
    const dueMs = this.#queue.nextDueMs();
    if (dueMs === null) return;
    // Not awaited: the output gate holds every answer back until it is stored.
    void this.ctx.storage.setAlarm(Math.max(dueMs, this.#now() + ALARM_SPACING_MS));
  }
}
