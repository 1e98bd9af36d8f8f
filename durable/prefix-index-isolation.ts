// What self-tests found of a pool's replicas, in rows: it must outlast sleep, or one that shares its cache would get calls again.
import type { Judged } from "../policies/placement/isolation.ts";

// A type, since an interface is no record of values.
type Row = {
  readonly replica: string;
  readonly isolation: Judged["isolation"];
  readonly at_ms: number;
  readonly actor: string;
  readonly address: number | null;
};

export class IsolationBook {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(): Judged[] {
    return this.#sql
      .exec<Row>("SELECT replica, isolation, at_ms, actor, address FROM isolation ORDER BY replica")
      .toArray()
      .map(({ at_ms, ...rest }) => ({ ...rest, atMs: at_ms }));
  }

  /** In place of all that stood. */
  write(judged: readonly Judged[]): void {
    this.#sql.exec("DELETE FROM isolation");
    for (const { replica, isolation, atMs, actor, address } of judged)
      this.#sql.exec(
        "INSERT INTO isolation (replica, isolation, at_ms, actor, address) VALUES (?, ?, ?, ?, ?)",
        replica,
        isolation,
        atMs,
        actor,
        address,
      );
  }
}
