// The processes of a bench: found by /proc, because Miniflare does not tell which runtime it started, and ended in order.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";

const START_MS_MAX = 15_000;
const POLL_MS = 50;

export async function until(holds: () => Promise<boolean>): Promise<void> {
  const endsAtMs = Date.now() + START_MS_MAX;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (Date.now() > endsAtMs) throw new Error("A target did not start.");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** Runs `start` and says which runtime has come of it: two starts at once would be mistaken for each other. */
export async function withRuntimePid<Started>(
  start: () => Promise<Started>,
): Promise<readonly [Started, number]> {
  const before = await childrenOf(process.pid);
  const started = await start();
  for (const pid of await childrenOf(process.pid)) {
    if (before.has(pid)) continue;
    const command = await readFile(`/proc/${pid}/comm`, "utf8");
    if (command.startsWith("workerd")) return [started, pid];
  }
  throw new Error("The runtime's process was not found; this bench needs Linux.");
}

async function childrenOf(parent: number): Promise<Set<number>> {
  const children = new Set<number>();
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === parent) children.add(pid);
  }
  return children;
}
