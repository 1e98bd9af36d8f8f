// What a request costs when there are many tenants, or many keys of one tenant, against one key of one tenant: each by
// itself, on a gateway that has met all of the tenants and as many keys as its caches hold.
import { bodyOf } from "./bodies.ts";
import { load, measureCpu, spreadOf, type Spread, type Target } from "./load.ts";

/** Above what one isolate keeps of documents (worker/configuration.ts), so that a key is met as a new one is. */
const KEYS_WARM = 4000;

export interface Growth {
  readonly count: number;
  /** CPU microseconds a request. */
  readonly oneMicros: Spread;
  readonly manyMicros: Spread;
  /** Of each round. */
  readonly ratio: Spread;
}

export interface GrowthLoad {
  readonly count: number;
  readonly rounds: number;
  readonly requests: number;
  readonly concurrency: number;
}

/** The secret of the `index`-th of many keys. */
export function secretOf(index: number): string {
  return `sk-sluice-bench-${index}`;
}

/** Every one of `count` tenants is met once before, by a key of its own: its ledger exists and has been used. */
export function growTenants(target: Target, asked: GrowthLoad): Promise<Growth> {
  return grow(target, asked, asked.count);
}

export function growKeys(target: Target, asked: GrowthLoad): Promise<Growth> {
  return grow(target, asked, Math.min(asked.count, KEYS_WARM));
}

async function grow(
  target: Target,
  { count, rounds, requests, concurrency }: GrowthLoad,
  warm: number,
): Promise<Growth> {
  const body = bodyOf("small", target.model);
  await load(target, body, requests, concurrency);
  let next = 0;
  const inOrder = { ...target, nextSecret: () => secretOf(next++) };
  await load(inOrder, body, warm, concurrency);
  const many = { ...target, nextSecret: () => secretOf(Math.floor(Math.random() * count)) };
  const figures = { one: [] as number[], many: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    figures.one.push(await measureCpu(target, body, requests, concurrency));
    figures.many.push(await measureCpu(many, body, requests, concurrency));
  }
  return {
    count,
    oneMicros: spreadOf(figures.one),
    manyMicros: spreadOf(figures.many),
    ratio: spreadOf(figures.many.map((figure, at) => figure / (figures.one[at] ?? Number.NaN))),
  };
}
