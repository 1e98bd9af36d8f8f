// The relay's command line: what it needs, and what it says of what is wrong.
import { expect, it } from "vitest";
import { readSettings } from "../../../../durable/cli/kv-relay/settings.ts";

const ENVIRONMENT = { SLUICE_POOL_SECRET: "pool secret", SLUICE_RELAY_TOKEN: "relay token" };
const NEEDED = {
  gateway: "https://gateway.example/",
  pool: "chat",
  replica: "r0",
  model: "llama",
  events: "tcp://127.0.0.1:5557",
};

function argsOf(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}

it("reads what it needs, with defaults for the rest", () => {
  const read = readSettings(argsOf(NEEDED), ENVIRONMENT);
  if (read.kind !== "settings") throw new Error(read.kind);
  const { engine, sender, delivery, residency, rank } = read.settings;
  expect(engine).toEqual({ eventsUrl: NEEDED.events, replayUrl: null, topic: "" });
  expect(sender).toEqual({ pool: "chat", replica: "r0", model: "llama" });
  expect(delivery).toMatchObject({
    gateway: { url: "https://gateway.example", token: "relay token" },
    flushMs: 250,
  });
  expect(new TextDecoder().decode(residency.secret)).toBe("pool secret");
  expect(residency.blocksMax).toBe(1_048_576);
  expect(rank).toBe(null);
});

it("takes the last port that there is, and a path in place of one", () => {
  for (const events of ["tcp://engine.example:65535", "ipc:///run/engine:99999"])
    expect(readSettings(argsOf({ ...NEEDED, events }), ENVIRONMENT).kind).toBe("settings");
});

it("helps without needing anything", () => {
  expect(readSettings(["--help"], {}).kind).toBe("help");
});

it.each([
  [{ gateway: "" }, "--gateway"],
  [{ gateway: "gateway.example" }, "--gateway"],
  [{ gateway: "https://gateway.example/v1" }, "--gateway"],
  [{ model: "" }, "--model"],
  [{ pool: "" }, "--pool"],
  [{ events: "127.0.0.1:5557" }, "--events"],
  [{ events: "tcp://*:5557" }, "--events"],
  [
    { events: "tcp://127.0.0.1:99999" },
    "--events, its port: must be a whole number from 1 to 65535",
  ],
  [{ events: "tcp://127.0.0.1:0" }, "--events, its port"],
  [{ replay: "5558" }, "--replay"],
  [{ replay: "tcp://127.0.0.1:65536" }, "--replay, its port"],
  [{ rank: "-1" }, "--rank"],
  [{ "blocks-max": "many" }, "--blocks-max"],
  [{ "flush-ms": "1.5" }, "--flush-ms"],
  [{ unknown: "x" }, "--unknown"],
])("names what is wrong with %j", (given, named) => {
  // Joined by a sign, since a value that begins with one would be read as another option.
  const args = Object.entries({ ...NEEDED, ...given }).map(([name, value]) => `--${name}=${value}`);
  const read = readSettings(args, ENVIRONMENT);
  expect(read.kind === "faulty" ? read.problem : "").toContain(named);
});

it("names the secret that is missing, and never shows the other", () => {
  for (const name of ["SLUICE_POOL_SECRET", "SLUICE_RELAY_TOKEN"]) {
    const read = readSettings(argsOf(NEEDED), { ...ENVIRONMENT, [name]: "" });
    expect(read).toEqual({ kind: "faulty", problem: `set ${name} in the environment` });
  }
});
