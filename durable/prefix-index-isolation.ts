// What self-tests found of a pool's replicas, in rows: it must outlast sleep, or one that shares its cache would get calls again.
import type { Judged } from "../policies/placement/isolation.ts";

export class IsolationBook {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(): Judged[] {
    return this.#sql
      .exec<{ replica: string; isolation: Judged["isolation"]; at_ms: number; actor: string }>(
        "SELECT replica, isolation, at_ms, actor FROM isolation ORDER BY replica",
      )
      .toArray()
      .map(({ replica, isolation, at_ms, actor }) => ({ replica, isolation, atMs: at_ms, actor }));
  }

  /** In place of all that stood. */
  write(judged: readonly Judged[]): void {
    this.#sql.exec("DELETE FROM isolation");
    for (const { replica, isolation, atMs, actor } of judged)
      this.#sql.exec(
        "INSERT INTO isolation (replica, isolation, at_ms, actor) VALUES (?, ?, ?, ?)",
        replica,
        isolation,
        atMs,
        actor,
      );
  }
}
