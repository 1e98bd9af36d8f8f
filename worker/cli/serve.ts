// The gateway as a server of one's own: the built Worker under workerd, its state on disk, its log on standard output, and
// an end that drains. README.md in this folder is the guide.
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { devNull } from "node:os";
import { join } from "node:path";
import { readSeedDocuments, type Seeds } from "./deploy/documents.ts";
import { StartFailure } from "./failure.ts";
import { findClosedPools, secretsNeeded } from "./secret-names.ts";
import { seedGateway } from "./seed.ts";
import { startServer, type Server } from "./self-host/server.ts";
import { readSecrets, readServerVariables } from "./self-host/settings.ts";
import { lockState } from "./self-host/state-lock.ts";
import { readVariables } from "./settings.ts";

async function serve(): Promise<0 | 1> {
  const signals = listenForSignals();
  // Not .dev.vars: that is for the machine of a developer.
  const variables = await readVariables(devNull, process.env);
  const settings = readServerVariables(variables);
  const { host, port, stateFolder, bundleFolder, seeds, drainMs } = settings;
  if (!existsSync(join(bundleFolder, "index.js")))
    throw new StartFailure(`${bundleFolder} holds no Worker; run \`npm run build\` first.`);
  const documents = seeds === null ? null : await readSeedDocuments(seeds.folder, seeds.upstream);
  const secrets = readSecrets(variables, documents === null ? [] : secretNames(documents));
  if (documents !== null)
    for (const problem of findClosedPools(documents.catalog, secrets))
      say("pool-closed", { problem });

  // Whatever is written from here on is this user's alone.
  process.umask(0o077);
  const unlock = lockState(stateFolder);
  const server = await startServer({
    host,
    port,
    stateFolder,
    bundleFolder,
    secrets,
    log: (line) => console.log(line),
  });
  try {
    if (documents !== null)
      await seed(server.url, secrets["ADMIN_SECRET"] ?? "", documents, stateFolder);
    say("listening", { url: server.url, stateFolder });
    const end = await Promise.race([signals.first, server.broken.then(() => "broken" as const)]);
    if (end === "broken") {
      // Whoever started this process starts it again; what was held is settled by the ledgers' alarms.
      say("runtime-ended", {});
      return 1;
    }
    await drain(server, end, drainMs, signals.second);
    return 0;
  } finally {
    await server.drain(0);
    unlock();
  }
}

async function seed(
  url: string,
  adminSecret: string,
  { documentText, keySecret, tenantIds }: Seeds,
  stateFolder: string,
): Promise<void> {
  const answer = await seedGateway(url, adminSecret, documentText);
  if (answer.kind === "refused")
    throw new StartFailure(`Seeding failed: ${answer.status ?? "no answer"}: ${answer.problem}`);
  if (answer.kind === "kept") return;
  // Not into the log, which others read and keep.
  const keyFile = join(stateFolder, "first-key");
  await writeFile(keyFile, `${keySecret}\n`, { mode: 0o600 });
  say("seeded", { tenant: tenantIds[0], keyFile });
}

async function drain(
  server: Server,
  signal: NodeJS.Signals,
  drainMs: number,
  again: Promise<unknown>,
): Promise<void> {
  say("draining", { signal, atMostMs: drainMs });
  const startedAtMs = Date.now();
  const isDrained = await Promise.race([server.drain(drainMs), again.then(() => false)]);
  say("ended", { isDrained, tookMs: Date.now() - startedAtMs });
}

function secretNames({ catalog }: Seeds): readonly string[] {
  return secretsNeeded(catalog).map(({ name }) => name);
}

/** The first signal asks for an end, the second for it now. */
function listenForSignals(): {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<NodeJS.Signals>;
} {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      count += 1;
      (count === 1 ? first : second).resolve(signal);
    });
  }
  return { first: first.promise, second: second.promise };
}

/** As the Worker logs: one JSON object a line. */
function say(event: string, fields: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify({ event, ...fields }));
}

try {
  // Exits by itself: an open connection must not hold the process once everything is closed.
  process.exit(await serve());
} catch (error) {
  if (!(error instanceof StartFailure)) throw error;
  console.error(error.message);
  process.exit(1);
}
