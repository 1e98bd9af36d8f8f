// The time from nothing to a first answer, over that of a Worker which does nothing.
import { spreadOf, type Spread } from "./load.ts";
import { startWorker } from "./start-targets.ts";

export interface StartUp {
  readonly emptyMs: Spread;
  readonly sluiceMs: Spread;
  /** Of each round. */
  readonly overMs: Spread;
}

/**
 * The gateway is the one without its objects' storage, which Miniflare prepares and no edge does; its code is the same.
 */
export async function compareStartUp(
  empty: string,
  sluice: string,
  documents: string,
  rounds: number,
): Promise<StartUp> {
  const times = { empty: [] as number[], sluice: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    times.empty.push(await timeStart(empty, {}));
    times.sluice.push(await timeStart(sluice, { DOCUMENTS: documents }));
  }
  return {
    emptyMs: spreadOf(times.empty),
    sluiceMs: spreadOf(times.sluice),
    overMs: spreadOf(times.sluice.map((ms, at) => ms - (times.empty[at] ?? Number.NaN))),
  };
}

async function timeStart(bundle: string, env: Readonly<Record<string, string>>): Promise<number> {
  const startedAt = process.hrtime.bigint();
  const worker = await startWorker("start", bundle, env);
  await (await fetch(worker.url.replace("/v1/chat/completions", "/healthz"))).text();
  const elapsedMs = Number(process.hrtime.bigint() - startedAt) / 1e6;
  await worker.close();
  return elapsedMs;
}
