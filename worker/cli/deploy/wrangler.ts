// The wrangler program in the words of a deploy: each function is one command, and what it says becomes a value.
// Nothing else here speaks to an account.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import * as z from "zod/mini";
import { StartFailure } from "../failure.ts";
import type { Account } from "./plan.ts";

const repository = join(import.meta.dirname, "..", "..", "..");

/** No metrics, no banner before the JSON, no colours, no look for a newer version. */
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  NO_COLOR: "1",
};
/** What is shown of a command that failed. */
const OUTPUT_CHARS_MAX = 4_000;

const whoami = z.object({
  loggedIn: z.boolean(),
  accounts: z._default(z.array(z.object({ id: z.string(), name: z.string() })), []),
});
const namespaces = z.array(z.object({ id: z.string(), title: z.string() }));
const names = z.array(z.object({ name: z.string() }));
const deployment = z.object({ versions: z.array(z.object({ version_id: z.string() })) });
const deployLine = z.object({
  type: z.literal("deploy"),
  targets: z.optional(z.array(z.string())),
});

export interface WranglerSettings {
  /** The program and its first words; another one in tests. */
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Wrangler {
  /** Null when nobody is signed in. */
  accounts(): Promise<readonly Account[] | null>;
  findNamespace(title: string): Promise<string | null>;
  /** Answers its id. */
  createNamespace(title: string): Promise<string>;
  /** Null when there is no such Worker. */
  secretNames(workerName: string): Promise<readonly string[] | null>;
  /** The text under a key; null when there is none. */
  read(namespaceId: string, key: string): Promise<string | null>;
  /** The version that answers now; null when there is none. */
  version(workerName: string): Promise<string | null>;
  /** Answers the addresses. `outputFile` is where wrangler says what it did. */
  deploy(
    configurationFile: string,
    secretsFile: string | null,
    outputFile: string,
  ): Promise<readonly string[]>;
  /** Bundles and checks, offline; answers what wrangler says. */
  rehearse(configurationFile: string): Promise<string>;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function openWrangler(settings: WranglerSettings): Wrangler {
  const run = (words: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    runProgram(settings, words, more);
  const findNamespace = async (title: string): Promise<string | null> => {
    const words = ["kv", "namespace", "list"];
    const all = read(namespaces, words, await run(words));
    return all.find((namespace) => namespace.title === title)?.id ?? null;
  };

  return {
    accounts: async () => {
      const words = ["whoami", "--json"];
      const ended = await run(words);
      // Signed out is an answer, and it comes with a failure's exit code.
      if (ended.code !== 0 && /"loggedIn":\s*false/.test(ended.stdout)) return null;
      const who = read(whoami, words, ended);
      return who.loggedIn ? who.accounts : null;
    },
    findNamespace,
    createNamespace: async (title) => {
      const words = ["kv", "namespace", "create", title, "--update-config=false"];
      expectSuccess(words, await run(words));
      // Its answer is for people; the list is for programs.
      const id = await findNamespace(title);
      if (id === null) throw new StartFailure(`wrangler made no KV namespace ${title}.`);
      return id;
    },
    secretNames: async (workerName) => {
      const words = ["secret", "list", "--format", "json", "--name", workerName];
      const ended = await run(words);
      if (ended.code !== 0 && /Worker "[^"]*"[^\n]* not found/.test(ended.stdout + ended.stderr))
        return null;
      return read(names, words, ended).map(({ name }) => name);
    },
    read: async (namespaceId, key) => {
      const at = ["--namespace-id", namespaceId, "--remote"];
      // A key that is absent fails a `get` like everything else that can go wrong; a list tells it apart.
      const listWords = ["kv", "key", "list", "--prefix", key, ...at];
      const listed = read(names, listWords, await run(listWords));
      if (!listed.some(({ name }) => name === key)) return null;
      const words = ["kv", "key", "get", key, "--text", ...at];
      return expectSuccess(words, await run(words));
    },
    version: async (workerName) => {
      const words = ["deployments", "status", "--json", "--name", workerName];
      const ended = await run(words);
      // Only said if things go wrong: that it cannot be told must not stop a deploy.
      if (ended.code !== 0) return null;
      return read(deployment, words, ended).versions[0]?.version_id ?? null;
    },
    deploy: async (configurationFile, secretsFile, outputFile) => {
      const words = ["deploy", "--minify", "--config", configurationFile];
      if (secretsFile !== null) words.push("--secrets-file", secretsFile);
      expectSuccess(words, await run(words, { WRANGLER_OUTPUT_FILE_PATH: outputFile }));
      return readTargets(await readFile(outputFile, "utf8").catch(() => ""));
    },
    rehearse: async (configurationFile) => {
      const words = ["deploy", "--dry-run", "--minify", "--config", configurationFile];
      return expectSuccess(words, await run(words));
    },
  };
}

function runProgram(
  { command, environment }: WranglerSettings,
  words: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<Ended> {
  // The package's `bin` only starts this same file in a second process, which a kill would miss.
  const [program = "", ...first] = command ?? [
    process.execPath,
    "--no-warnings",
    createRequire(import.meta.url).resolve("wrangler"),
  ];
  const child = spawn(program, [...first, ...words], {
    cwd: repository,
    // Without a terminal wrangler asks nothing and takes its own defaults.
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environment, ...QUIET, ...more },
  });
  const out: Buffer[] = [];
  const problems: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => out.push(piece));
  child.stderr.on("data", (piece: Buffer) => problems.push(piece));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      resolve({
        code,
        stdout: Buffer.concat(out).toString("utf8").trim(),
        stderr: Buffer.concat(problems).toString("utf8").trim(),
      }),
    );
  });
}

function expectSuccess(words: readonly string[], { code, stdout, stderr }: Ended): string {
  if (code === 0) return stdout;
  const output = `${stdout}\n${stderr}`.trim().slice(-OUTPUT_CHARS_MAX);
  throw new StartFailure(`wrangler ${words.slice(0, 3).join(" ")} failed.\n${output}`);
}

function read<T>(schema: z.ZodMiniType<T>, words: readonly string[], ended: Ended): T {
  const text = expectSuccess(words, ended);
  try {
    return z.parse(schema, JSON.parse(text));
  } catch {
    // Its own error names a place in JSON that nobody at the terminal has seen.
    throw new StartFailure(
      `wrangler ${words.slice(0, 3).join(" ")} said something else than expected:\n${text.slice(0, OUTPUT_CHARS_MAX)}`,
    );
  }
}

/** One JSON object a line. A target may also be a route's pattern or a schedule. */
function readTargets(output: string): readonly string[] {
  return output.split("\n").flatMap((line) => {
    if (line === "") return [];
    const parsed = z.safeParse(deployLine, JSON.parse(line));
    return parsed.success ? (parsed.data.targets ?? []) : [];
  });
}
