// `node worker/cli/serve.ts` as systemd runs it: a process with an environment, a log and an end.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const repository = join(import.meta.dirname, "..", "..", "..");
/** workerd beside other tests on two cores. */
const START_DEADLINE_MS = 20_000;
const POLL_MS = 50;

export const ADMIN_SECRET = "an-admin-secret-of-a-journey-that-is-long";

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** The process's exit code. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

export function run(program: string, words: readonly string[], environment: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, [join("worker", "cli", program), ...words], {
    cwd: repository,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...environment },
  });
  let text = "";
  child.stdout.on("data", (piece: Buffer) => (text += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (text += piece.toString("utf8")));
  return { child, output: () => text };
}

export function startProcess(environment: NodeJS.ProcessEnv): ServerProcess {
  const { child, output } = run("serve.ts", [], environment);
  return {
    child,
    output,
    end: async (signal) => {
      const children = await childrenOf(child);
      child.kill(signal);
      const code = await untilExit(child);
      // A killed server leaves its runtime behind; systemd ends the whole group, and so does this.
      if (signal === "SIGKILL") for (const pid of children) endIfThere(pid);
      return code;
    },
  };
}

export async function untilExit(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return child.exitCode;
}

export async function untilSaid(server: ServerProcess, event: string): Promise<void> {
  const deadlineMs = Date.now() + START_DEADLINE_MS;
  while (!server.output().includes(`{"event":"${event}"`)) {
    if (server.child.exitCode !== null || Date.now() > deadlineMs)
      throw new Error(`The server did not say "${event}".\n${server.output()}`);
    await sleep(POLL_MS);
  }
}

/** Its runtime: the one child that it has. */
export async function runtimeOf({ child }: ServerProcess): Promise<number> {
  const [pid] = await childrenOf(child);
  if (pid === undefined) throw new Error("The server has no runtime.");
  return pid;
}

async function childrenOf({ pid }: ChildProcess): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text
    .split(" ")
    .filter((word) => word.trim() !== "")
    .map(Number);
}

function endIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
