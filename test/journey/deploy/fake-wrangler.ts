// A stand-in for the wrangler program at the border of the process: it keeps an account in a file, answers what wrangler
// 4.155 answers to the commands that a deploy uses, and writes down what it was asked.
import { randomBytes, randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

export interface FakeAccount {
  readonly signedIn: boolean;
  readonly accounts: readonly { readonly id: string; readonly name: string }[];
  readonly namespaces: { readonly id: string; readonly title: string }[];
  worker: { secrets: Record<string, string>; readonly versions: string[] } | null;
  /** By namespace and key. */
  readonly kv: Record<string, Record<string, string>>;
  /** Where the Worker answers. */
  readonly targets: readonly string[];
  readonly calls: { readonly words: readonly string[]; readonly configuration?: unknown }[];
}

const file = process.env["FAKE_WRANGLER_ACCOUNT"] ?? "";

if (import.meta.main) {
  const account = JSON.parse(readFileSync(file, "utf8")) as FakeAccount;
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    strict: false,
    options: Object.fromEntries(
      ["config", "name", "namespace-id", "prefix", "secrets-file", "format"].map((name) => [
        name,
        { type: "string" as const },
      ]),
    ),
  });
  const flag = (name: string): string => String(values[name] ?? "");
  const configuration = values["config"] && JSON.parse(readFileSync(flag("config"), "utf8"));
  account.calls.push({ words: process.argv.slice(2), ...(configuration && { configuration }) });
  const save = (): void => writeFileSync(file, JSON.stringify(account));
  save();
  const print = (value: unknown): void => console.log(JSON.stringify(value, null, "  "));
  const fail = (text: string): void => {
    console.error(`✘ [ERROR] ${text}`);
    process.exitCode = 1;
  };

  const answers: Readonly<Record<string, () => void>> = {
    whoami: () => {
      print(
        account.signedIn ? { loggedIn: true, accounts: account.accounts } : { loggedIn: false },
      );
      if (!account.signedIn) process.exitCode = 1;
    },
    "kv namespace list": () => print(account.namespaces),
    "kv namespace create": () => {
      account.namespaces.push({
        id: randomBytes(16).toString("hex"),
        title: positionals[3] ?? "",
      });
      save();
      console.log("✨ Success!");
    },
    "kv key list": () => {
      const keys = Object.keys(account.kv[flag("namespace-id")] ?? {});
      print(keys.filter((name) => name.startsWith(flag("prefix"))).map((name) => ({ name })));
    },
    "kv key get": () => console.log(account.kv[flag("namespace-id")]?.[positionals[3] ?? ""]),
    "secret list": () => {
      if (account.worker === null) return fail(`Worker "${flag("name")}" not found.\n\nIf this is`);
      print(Object.keys(account.worker.secrets).map((name) => ({ name, type: "secret_text" })));
    },
    "deployments status": () => {
      const version = account.worker?.versions.at(-1);
      if (version === undefined) return fail("This Worker does not exist on your account.");
      print({ versions: [{ version_id: version, percentage: 100 }] });
    },
    deploy: () => {
      if (values["dry-run"]) return console.log("--dry-run: exiting now.");
      const given = values["secrets-file"]
        ? (JSON.parse(readFileSync(flag("secrets-file"), "utf8")) as Record<string, string>)
        : {};
      const secrets = { ...account.worker?.secrets, ...given };
      const required = (configuration as { secrets: { required: string[] } }).secrets.required;
      const unset = required.filter((name) => secrets[name] === undefined);
      if (unset.length > 0)
        return fail(`The following required secrets have not been set: ${unset.join(", ")}`);
      account.worker = {
        secrets,
        versions: [...(account.worker?.versions ?? []), randomUUID()],
      };
      save();
      appendFileSync(
        process.env["WRANGLER_OUTPUT_FILE_PATH"] ?? "",
        `${JSON.stringify({ type: "wrangler-session", version: 1 })}\n${JSON.stringify({ type: "deploy", version: 1, version_id: account.worker.versions.at(-1), targets: account.targets })}\n`,
      );
    },
  };
  const words = positionals.join(" ");
  const command = Object.keys(answers).find((name) => `${words} `.startsWith(`${name} `));
  if (command === undefined) fail(`Unknown arguments: ${words}`);
  else answers[command]?.();
}
