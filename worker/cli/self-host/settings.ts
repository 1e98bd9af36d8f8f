// What an operator of a server sets in its environment, checked before anything runs.
import { isIP } from "node:net";
import { join } from "node:path";
import { StartFailure } from "../failure.ts";
import { OPENING_CHARS_MIN } from "../secret-names.ts";
import { readSettings, type Variables } from "../settings.ts";
import type { OneUpstream } from "../one-upstream.ts";

const repository = join(import.meta.dirname, "..", "..", "..");
/** Nothing here speaks TLS, so only a proxy on this machine reaches it unless somebody says otherwise. */
const HOST_DEFAULT = "127.0.0.1";
/** Long answers take minutes, but a restart that takes longer than this is one that people kill. */
const DRAIN_SECONDS_DEFAULT = 60;
const DRAIN_SECONDS_MAX = 3_600;

export interface ServerVariables {
  readonly host: string;
  readonly port: number;
  readonly stateFolder: string;
  /** What `npm run build` made. */
  readonly bundleFolder: string;
  /** What a fresh gateway is seeded with; null leaves that to the admin API. */
  readonly seeds: { readonly folder: string; readonly upstream: OneUpstream | null } | null;
  readonly drainMs: number;
}

export function readServerVariables(variables: Variables): ServerVariables {
  const { port, upstream } = readSettings(variables, "");
  const documents = variables["SLUICE_DOCUMENTS"];
  if (upstream !== null && documents !== undefined)
    throw new StartFailure("SLUICE_DOCUMENTS and UPSTREAM_BASE_URL exclude each other.");
  const folder = documents ?? (upstream === null ? null : join(repository, "kv-seeds"));
  return {
    host: readHost(variables["SLUICE_HOST"] ?? HOST_DEFAULT),
    port,
    stateFolder: findStateFolder(variables),
    bundleFolder: variables["SLUICE_BUNDLE"] ?? join(repository, "dist"),
    seeds: folder === null ? null : { folder, upstream },
    drainMs: readDrainSeconds(variables["SLUICE_DRAIN_SECONDS"]) * 1_000,
  };
}

/** systemd names the folder that it made as STATE_DIRECTORY. */
export function findStateFolder(variables: Variables): string {
  return (
    variables["SLUICE_STATE"] ??
    variables["STATE_DIRECTORY"] ??
    join(repository, ".sluice", "server")
  );
}

/** ADMIN_SECRET, and what the seeds and SLUICE_SECRETS name; no other variable of this machine. */
export function readSecrets(
  variables: Variables,
  namedBySeeds: readonly string[],
): Readonly<Record<string, string>> {
  const admin = variables["ADMIN_SECRET"] ?? "";
  if (admin.length < OPENING_CHARS_MIN)
    throw new StartFailure(
      `ADMIN_SECRET must have at least ${OPENING_CHARS_MIN} characters, as of \`openssl rand -hex 32\`.`,
    );
  const listed = (variables["SLUICE_SECRETS"] ?? "").split(/[\s,]+/).filter((name) => name !== "");
  const names = new Set([...namedBySeeds, ...listed]);
  const unset = [...names].filter((name) => variables[name] === undefined);
  if (unset.length > 0)
    throw new StartFailure(`These secrets are named and not set: ${unset.join(", ")}.`);
  return {
    ADMIN_SECRET: admin,
    ...Object.fromEntries([...names].map((name) => [name, variables[name] ?? ""])),
  };
}

function readHost(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new StartFailure(`SLUICE_HOST must be an IP address, not "${text}".`);
}

function readDrainSeconds(text: string | undefined): number {
  const seconds = Number(text ?? DRAIN_SECONDS_DEFAULT);
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= DRAIN_SECONDS_MAX) return seconds;
  throw new StartFailure(
    `SLUICE_DRAIN_SECONDS must be a whole number from 0 to ${DRAIN_SECONDS_MAX}, not "${text}".`,
  );
}
