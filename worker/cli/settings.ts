// What the person at the terminal may set, from the environment and .dev.vars, checked before anything runs.
import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { StartFailure } from "./failure.ts";
import { guessEngine, isEngine, ENGINES, type OneUpstream } from "./one-upstream.ts";

const PORT_DEFAULT = 8787;
const PORT_MAX = 65_535;

/** Names with their values; an empty value counts as not set, so that a shell can unset what a file sets. */
export type Variables = Readonly<Record<string, string>>;

export interface Settings {
  readonly port: number;
  readonly stateFolder: string;
  /** The engine to put the gateway in front of; null means the simulator. */
  readonly upstream: OneUpstream | null;
}

/** What this program reads for itself and the Worker does not see. */
const OWN = ["PORT", "SLUICE_STATE", "UPSTREAM_BASE_URL", "UPSTREAM_MODEL", "UPSTREAM_ENGINE"];

/** The environment over .dev.vars; a file that is absent holds nothing. */
export async function readVariables(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Variables> {
  return withoutEmpty({ ...(await readFileVariables(file)), ...environment });
}

/** The names that .dev.vars gives the Worker: secrets that a catalog may name, now or later. */
export async function readSecretNames(file: string): Promise<readonly string[]> {
  return Object.keys(await readFileVariables(file)).filter((name) => !OWN.includes(name));
}

async function readFileVariables(file: string): Promise<Variables> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new StartFailure(`${file} cannot be read (${error.code ?? "unknown"}).`);
  });
  return withoutEmpty(parseEnv(text));
}

function withoutEmpty(variables: Readonly<Record<string, string | undefined>>): Variables {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  );
}

export function readSettings(variables: Variables, stateFolderDefault: string): Settings {
  return {
    port: readPort(variables["PORT"]),
    stateFolder: variables["SLUICE_STATE"] ?? stateFolderDefault,
    upstream: readUpstream(variables),
  };
}

function readPort(text: string | undefined): number {
  if (text === undefined) return PORT_DEFAULT;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= PORT_MAX) return port;
  throw new StartFailure(`PORT must be a whole number from 1 to ${PORT_MAX}, not "${text}".`);
}

function readUpstream(variables: Variables): OneUpstream | null {
  const {
    UPSTREAM_BASE_URL: address,
    UPSTREAM_MODEL: model,
    UPSTREAM_API_KEY: apiKey,
    UPSTREAM_ENGINE: engine,
  } = variables;
  if (address === undefined) {
    if (model === undefined && engine === undefined) return null;
    throw new StartFailure(
      "UPSTREAM_BASE_URL is missing; UPSTREAM_MODEL needs it, as in http://127.0.0.1:11434/v1.",
    );
  }
  if (model === undefined) {
    throw new StartFailure(
      "UPSTREAM_MODEL is missing; name the model that UPSTREAM_BASE_URL serves.",
    );
  }
  if (engine !== undefined && !isEngine(engine)) {
    throw new StartFailure(
      `UPSTREAM_ENGINE must be one of ${ENGINES.join(", ")}, not "${engine}".`,
    );
  }
  const url = readBaseUrl(address);
  return {
    baseUrl: url.href.replace(/\/+$/, ""),
    model,
    hasApiKey: apiKey !== undefined,
    engine: engine ?? guessEngine(url),
  };
}

function readBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new StartFailure(`UPSTREAM_BASE_URL must be an http or https URL, not "${text}".`);
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "") {
    throw new StartFailure(
      "UPSTREAM_BASE_URL must end with its path; a key belongs into UPSTREAM_API_KEY.",
    );
  }
  // A bare host is how people know their engine, and every engine serves its API under /v1.
  if (url.pathname === "/") url.pathname = "/v1";
  return url;
}
