// `npm run kv-relay`: runs beside one engine and tells the gateway which prefixes that engine caches. Its own words, one
// JSON object a line, go to standard error; none of them holds a token, a salt or a key.
import { startRelay } from "./kv-relay/relay.ts";
import { readSettings, USAGE } from "./kv-relay/settings.ts";

/** Often enough to see a relay that does nothing, rarely enough for a log. */
const REPORT_EVERY_MS = 60_000;

const read = readSettings(process.argv.slice(2), process.env);
switch (read.kind) {
  case "help":
    process.stdout.write(USAGE);
    break;
  case "faulty":
    process.stderr.write(`kv-relay: ${read.problem}; see --help\n`);
    process.exitCode = 1;
    break;
  case "settings": {
    const { settings } = read;
    const relay = startRelay({
      ...settings,
      delivery: { ...settings.delivery, note, chance: Math.random, nowMs: Date.now },
    });
    const reports = setInterval(() => note("report", relay.report()), REPORT_EVERY_MS);
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => {
        clearInterval(reports);
        note("report", relay.report());
        relay.close();
      });
    await relay.done;
  }
}

function note(event: string, fields: object): void {
  process.stderr.write(`${JSON.stringify({ event: `kv-relay.${event}`, ...fields })}\n`);
}
