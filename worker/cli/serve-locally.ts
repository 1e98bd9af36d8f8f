// A local gateway from its first line to its last: settings, build, upstream, Worker, and a clean end at
// a signal. start.ts and dev.ts differ only in whether a change of the sources builds it again.
import { createServer } from "node:net";
import { join } from "node:path";
import { parseCatalog } from "../../policies/catalog.ts";
import { buildWorker } from "./build.ts";
import { StartFailure } from "./failure.ts";
import { HOST, portTaken, startGateway, type Gateway } from "./gateway.ts";
import { greet } from "./greet.ts";
import { ADMIN_SECRET, DEMO_KEY, keepSecret } from "./kept-secret.ts";
import { openUpstream, pickSecrets, type OpenUpstream } from "./open-upstream.ts";
import { findClosedPools } from "./secret-names.ts";
import { readSecretNames, readSettings, readVariables, type Settings } from "./settings.ts";
import { watchSources } from "./watch-sources.ts";

const repository = join(import.meta.dirname, "..", "..");
/** How soon a start ends after the npm that ran it. */
const ORPHAN_CHECK_MS = 250;
/** By then workerd is killed and the rest is only politeness; nobody should wait for it. */
const CLOSE_DEADLINE_MS = 1500;

/** Runs until a signal; answers the process's exit code. */
export async function serveLocally(options: { readonly rebuild: boolean }): Promise<0 | 1> {
  const stop = listenForSignals();
  const opened: (() => Promise<void>)[] = [];
  try {
    await run(options.rebuild, stop, opened);
    return 0;
  } catch (error) {
    // What breaks after the signal breaks of it: workerd heard Ctrl-C as well.
    if (stop.aborted) return 0;
    if (!(error instanceof StartFailure)) throw error;
    console.error(error.message);
    return 1;
  } finally {
    await Promise.race([
      Promise.allSettled(opened.map((close) => close())),
      new Promise((resolve) => setTimeout(resolve, CLOSE_DEADLINE_MS).unref()),
    ]);
  }
}

async function run(
  rebuild: boolean,
  stop: AbortSignal,
  opened: (() => Promise<void>)[],
): Promise<void> {
  const variablesFile = join(repository, ".dev.vars");
  const variables = await readVariables(variablesFile, process.env);
  const settings = readSettings(variables, join(repository, ".sluice"));
  // Asked before the build, so that the commonest mistake is answered at once.
  await expectFreePort(settings.port);

  const secret = await keepSecret(settings.stateFolder, DEMO_KEY);
  const adminSecret = await keepSecret(settings.stateFolder, ADMIN_SECRET);
  const upstream = await openUpstream(settings.upstream, join(repository, "kv-seeds"), secret);
  opened.push(() => upstream.close());
  const documents = await upstream.readDocuments();
  const bundleFolder = join(settings.stateFolder, "bundle");
  const built = await buildWorker(bundleFolder, stop);
  if (built.kind === "stopped") return;
  if (built.kind === "broken")
    throw new StartFailure(`The Worker does not build.\n${built.output}`);

  const secrets = pickSecrets(documents.catalog, await readSecretNames(variablesFile), variables);
  const gateway = await startGateway({
    ...settings,
    bundleFolder,
    documents,
    secrets: { ADMIN_SECRET: adminSecret, ...secrets },
    log: (line) => console.log(line),
  });
  opened.push(() => gateway.dispose());
  if (stop.aborted) return;
  const catalog = parseCatalog(documents.catalog);
  if (catalog.kind === "parsed")
    for (const warning of findClosedPools(catalog.value, secrets)) console.warn(warning);
  greet({
    url: gateway.url,
    secret,
    upstream: upstream.name,
    adminSecretFile: join(settings.stateFolder, ADMIN_SECRET.file),
  });
  if (rebuild) watch(gateway, settings, upstream, stop);
  await untilAborted(stop);
}

function watch(
  gateway: Gateway,
  settings: Settings,
  upstream: OpenUpstream,
  stop: AbortSignal,
): void {
  const bundleFolder = join(settings.stateFolder, "bundle");
  watchSources(repository, stop, async () => {
    const built = await buildWorker(bundleFolder, stop);
    if (built.kind === "stopped") return;
    if (built.kind === "broken") {
      console.error(
        `The Worker does not build; the last one that did still runs.\n${built.output}`,
      );
      return;
    }
    await gateway.reload({ bundleFolder, documents: await upstream.readDocuments() });
    console.log("Built and started again.");
  });
}

function expectFreePort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(isTaken ? portTaken(port) : new StartFailure(`Port ${port}: ${error.message}.`));
    });
    server.listen(port, HOST, () => server.close(() => resolve()));
  });
}

/** Aborts at the first signal. Ctrl-C reaches this process twice, from the terminal and from npm. */
function listenForSignals(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stop.abort());
  }
  // npm that is killed outright passes no signal on. Only under npm: who starts this file by hand may
  // well mean it to outlive a shell.
  if (process.env["npm_lifecycle_event"] !== undefined) {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid !== parent) stop.abort();
    }, ORPHAN_CHECK_MS);
    timer.unref();
  }
  return stop.signal;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
