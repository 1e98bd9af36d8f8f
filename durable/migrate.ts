// Numbered schema steps for an object's own database. The version is a row of our own, because the platform refuses
// PRAGMA user_version.

/**
 * Runs the steps that this object has not seen. A step that shipped is never edited; a change is a new step, and
 * must leave rows readable to the version before, since both run for minutes during a deploy.
 */
export function migrate(storage: DurableObjectStorage, steps: readonly string[]): void {
  storage.transactionSync(() => {
    const { sql } = storage;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS schema (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT",
    );
    const [row] = sql.exec<{ version: number }>("SELECT version FROM schema").toArray();
    const version = row?.version ?? 0;
    if (version >= steps.length) return;
    for (const step of steps.slice(version)) sql.exec(step);
    sql.exec(
      "INSERT INTO schema (id, version) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET version = excluded.version",
      steps.length,
    );
  });
}
