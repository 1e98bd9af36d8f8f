// Fills a gateway that ships with many tenants, or with many keys of one. A write through KV takes about a millisecond
// here, which ten thousand tenants can wait for; a million keys cannot, so they go into the emulator's own file.
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SECRET, tenantDocument } from "./documents.ts";
import { secretOf } from "./growth.ts";
import type { Real } from "./start-targets.ts";

const WRITES_AT_ONCE = 50;

function nameOfKey(secret: string): string {
  return `key:${createHash("sha256").update(secret).digest("hex")}`;
}

/** `count` tenants with a key each, published as the registry does; it does not know them and is not asked. */
export async function seedTenants(gateway: Real, count: number): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: WRITES_AT_ONCE }, async () => {
      while (next < count) {
        const index = next++;
        const id = `t${index}`;
        await gateway.write(`tenant:${id}`, tenantDocument(id));
        await gateway.write(nameOfKey(secretOf(index)), { id: `k${index}`, tenant: id });
      }
    }),
  );
}

/** Gives the bench's own key `count` more names in a stopped gateway's KV: one document, as long as any other. */
export async function seedKeys(stateFolder: string, count: number): Promise<void> {
  const file = await findKv(stateFolder);
  const database = new DatabaseSync(file);
  const entry = database
    .prepare("SELECT blob_id FROM _mf_entries WHERE key = ?")
    .get(nameOfKey(SECRET));
  const blob = entry?.["blob_id"];
  if (typeof blob !== "string") throw new Error("The emulator's KV is not laid out as was known.");
  // In the index's own order, which is several times faster than that of chance.
  const names = Array.from({ length: count }, (_, index) => nameOfKey(secretOf(index))).toSorted();
  database.exec("BEGIN");
  const insert = database.prepare("INSERT INTO _mf_entries (key, blob_id) VALUES (?, ?)");
  for (const name of names) insert.run(name, blob);
  database.exec("COMMIT");
  database.close();
}

async function findKv(stateFolder: string): Promise<string> {
  const folder = join(stateFolder, "storage/kv/miniflare-KVNamespaceObject");
  const [file] = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  if (file === undefined) throw new Error("The emulator's KV was not found.");
  return join(folder, file);
}
