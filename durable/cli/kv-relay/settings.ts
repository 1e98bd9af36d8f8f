// What the relay is told on its command line, and its two secrets, which come by the environment because command lines
// are for everybody to read.
import { parseArgs } from "node:util";
import type { RelayOptions } from "./relay.ts";

export const USAGE = `npm run kv-relay -- --gateway URL --pool ID --replica ID --model NAME --events URL [options]

Tells a Sluice gateway which prefixes one engine caches, by the engine's own events. Runs beside the engine, inside its
network: the events hold token ids and salts, and neither leaves this process.

  --gateway URL     the gateway, as https://gateway.example
  --pool ID         the upstream of the catalog that declares the pool
  --replica ID      this engine's name in that pool
  --model NAME      what the engine calls the model
  --events URL      the engine's publisher, as tcp://127.0.0.1:5557
  --replay URL      the engine's replay socket, as tcp://127.0.0.1:5558; without it, what is missed is lost
  --topic TEXT      of the events (default: all)
  --revision TEXT   the pool's revision, as in the catalog (default: none)
  --rank N          of a data-parallel engine: the rank that this replica is; one relay for each
  --blocks-max N    engine blocks followed at most (default 1048576); the engine's own number, GPU and other tiers, is best
  --flush-ms N      what happens within it is told together (default 250)
  --help

Environment: SLUICE_POOL_SECRET, the value of the secret that the pool names; SLUICE_RELAY_TOKEN, the gateway's token for
relays.
`;

export type Settings =
  | { readonly kind: "help" }
  | { readonly kind: "faulty"; readonly problem: string }
  | { readonly kind: "settings"; readonly settings: RelaySettings };

export type RelaySettings = Omit<RelayOptions, "delivery"> & {
  readonly delivery: Pick<RelayOptions["delivery"], "gateway" | "flushMs" | "askMs">;
};

const BLOCKS_MAX = 1_048_576;
/** Some 300 bytes each. */
const BLOCKS_MOST = 16_777_216;
const FLUSH_MS = 250;
const FLUSH_MOST_MS = 10_000;
/** Far above the index's own pace, far below the life of what it learned. */
const ASK_MS = 15_000;
const RANK_MOST = 1023;
const PORT_MOST = 65_535;

const OPTIONS = {
  gateway: { type: "string" },
  pool: { type: "string" },
  replica: { type: "string" },
  model: { type: "string" },
  events: { type: "string" },
  replay: { type: "string" },
  topic: { type: "string", default: "" },
  revision: { type: "string", default: "" },
  rank: { type: "string" },
  "blocks-max": { type: "string" },
  "flush-ms": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

export function readSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    if (values.help) return { kind: "help" };
    const named = (name: "pool" | "replica" | "model"): string =>
      values[name] || fail(`give --${name} ${name === "model" ? "NAME" : "ID"}`);
    const model = named("model");
    return {
      kind: "settings",
      settings: {
        engine: {
          eventsUrl: socketUrl("events", values.events ?? fail("give --events URL")),
          replayUrl: values.replay === undefined ? null : socketUrl("replay", values.replay),
          topic: values.topic,
        },
        rank: values.rank === undefined ? null : whole("rank", values.rank, 0, RANK_MOST),
        residency: {
          secret: new TextEncoder().encode(secret("SLUICE_POOL_SECRET", environment)),
          model,
          revision: values.revision,
          blocksMax: whole(
            "blocks-max",
            values["blocks-max"] ?? String(BLOCKS_MAX),
            1,
            BLOCKS_MOST,
          ),
        },
        sender: { pool: named("pool"), replica: named("replica"), model },
        delivery: {
          gateway: {
            url: gatewayUrl(values.gateway ?? fail("give --gateway URL")),
            token: secret("SLUICE_RELAY_TOKEN", environment),
          },
          flushMs: whole("flush-ms", values["flush-ms"] ?? String(FLUSH_MS), 0, FLUSH_MOST_MS),
          askMs: ASK_MS,
        },
      },
    };
  } catch (error) {
    // Every reader above, and parseArgs itself, names in its message what is to be mended.
    return { kind: "faulty", problem: error instanceof Error ? error.message : "unknown option" };
  }
}

function gatewayUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/")
    fail(`--gateway: must be an http or https URL without a path, not ${text}`);
  return url!.origin;
}

function socketUrl(name: string, text: string): string {
  if (!/^(tcp:\/\/[^\s/*]+:\d{1,5}|ipc:\/\/\S+)$/.test(text))
    fail(`--${name}: must be tcp://HOST:PORT or ipc://PATH, not ${text}`);
  const port = /^tcp:.*:(\d+)$/.exec(text)?.[1];
  if (port !== undefined) whole(`${name}, its port`, port, 1, PORT_MOST);
  return text;
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isInteger(value) || value < least || value > most)
    fail(`--${name}: must be a whole number from ${least} to ${most}, not ${text}`);
  return value;
}

function secret(name: string, environment: Readonly<Record<string, string | undefined>>): string {
  return environment[name] || fail(`set ${name} in the environment`);
}

function fail(problem: string): never {
  throw new Error(problem);
}
