// Loads a target and reads what it cost: CPU time of its process from /proc, which is steadier than wall time on a
// machine that is shared, and the time to the first byte over one connection.
import { readdir, readFile } from "node:fs/promises";
import { Agent, request } from "node:http";

export interface Target {
  readonly name: string;
  /** Up to and with `/chat/completions`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The key of each next request, where the one in `headers` is not meant for all. */
  readonly nextSecret?: () => string;
  readonly model: string;
  /** Whose CPU time is counted; null for the upstream itself, where only latency is of use. */
  readonly pid: number | null;
}

/** What goes on after the answers (settling, logs) is part of what they cost. */
const SETTLE_MS = 300;

/** CPU microseconds a request, over `count` requests at `concurrency`. */
export async function measureCpu(
  target: Target,
  body: string,
  count: number,
  concurrency: number,
): Promise<number> {
  if (target.pid === null) throw new Error(`${target.name} has no process to measure.`);
  const before = await cpuMicros(target.pid);
  await load(target, body, count, concurrency);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const after = await cpuMicros(target.pid);
  return (after - before) / count;
}

/** `count` requests at `concurrency`, each of them answered well: milliseconds to the first byte of each body. */
export async function load(
  target: Target,
  body: string,
  count: number,
  concurrency: number,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const times: number[] = [];
  let left = count;
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left > 0) {
        left -= 1;
        times.push(await ask(target, body, agent));
      }
    }),
  );
  agent.destroy();
  return times;
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
          ...(target.nextSecret === undefined
            ? {}
            : { authorization: `Bearer ${target.nextSecret()}` }),
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

/** Of all threads that live; a runtime ends none of them while it serves. */
async function cpuMicros(pid: number): Promise<number> {
  let nanos = 0;
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const stat = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
    nanos += Number(stat.split(" ")[0]);
  }
  return nanos / 1000;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return {
    median: ((middle[0] ?? Number.NaN) + (middle[1] ?? Number.NaN)) / 2,
    low: sorted[0] ?? Number.NaN,
    high: sorted.at(-1) ?? Number.NaN,
  };
}
