// Loads a target and reads what it cost: CPU time of its process from /proc, which is steadier than wall time on a
// machine that is shared, and the time to the first byte over one connection.
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";

/** Linux counts process time in these. */
const TICKS_PER_SECOND = 100;

export interface Target {
  readonly name: string;
  /** Up to and with `/chat/completions`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly model: string;
  /** Whose CPU time is counted; null for the upstream itself, where only latency is of use. */
  readonly pid: number | null;
}

/** CPU microseconds a request, over `count` requests at `concurrency`. */
export async function measureCpu(
  target: Target,
  body: string,
  count: number,
  concurrency: number,
): Promise<number> {
  if (target.pid === null) throw new Error(`${target.name} has no process to measure.`);
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  let left = count;
  const before = await cpuMicros(target.pid);
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left > 0) {
        left -= 1;
        await ask(target, body, agent);
      }
    }),
  );
  // What goes on after the answers (settling, logs) is part of what they cost.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = await cpuMicros(target.pid);
  agent.destroy();
  return (after - before) / count;
}

/** Milliseconds to the first byte of the body, one request after the other. */
export async function measureFirstByteMs(
  target: Target,
  body: string,
  count: number,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const times: number[] = [];
  for (let at = 0; at < count; at += 1) times.push(await ask(target, body, agent));
  agent.destroy();
  return times;
}

function ask(target: Target, body: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedAt = process.hrtime.bigint();
    let firstByteMs = 0;
    const sent = request(
      target.url,
      {
        method: "POST",
        agent,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...target.headers,
        },
      },
      (response) => {
        response.once("data", () => {
          firstByteMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
        });
        response.on("data", () => undefined);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(firstByteMs);
          else reject(new Error(`${target.name} answered ${response.statusCode}.`));
        });
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

async function cpuMicros(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The command's name may hold spaces and brackets; fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks * 1_000_000) / TICKS_PER_SECOND;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    low: sorted[0] ?? Number.NaN,
    high: sorted.at(-1) ?? Number.NaN,
  };
}
