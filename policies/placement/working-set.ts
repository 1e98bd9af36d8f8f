// How many distinct blocks a pool's prompts had of late, to hold against what its replicas cache: beyond that, no placement
// helps, only more memory or fewer conversations. Counted by HyperLogLog (Flajolet et al., 2007), within some 2 %.

const REGISTERS = 4096;
/** Half of the time that it looks back at least: caches are worth keeping for twenty minutes. */
export const GENERATION_MS = 600_000;
const BIAS = 0.7213 / (1 + 1.079 / REGISTERS);

export class WorkingSet {
  #now = new Uint8Array(REGISTERS);
  #before = new Uint8Array(REGISTERS);
  #sinceMs: number | null = null;

  use(blocks: ArrayLike<number>, nowMs: number): void {
    this.#turn(nowMs);
    for (let i = 0; i < blocks.length; i++) {
      const low = mix(blocks[i]! | 0);
      const high = mix(low ^ ((blocks[i]! / 4294967296) | 0));
      const register = low & (REGISTERS - 1);
      const rank = Math.clz32(high) + 1;
      if (rank > this.#now[register]!) this.#now[register] = rank;
    }
  }

  /** Of the last ten to twenty minutes. */
  count(nowMs: number): number {
    this.#turn(nowMs);
    let sum = 0;
    let empty = 0;
    for (let i = 0; i < REGISTERS; i++) {
      const rank = Math.max(this.#now[i]!, this.#before[i]!);
      if (rank === 0) empty++;
      sum += 2 ** -rank;
    }
    const estimate = (BIAS * REGISTERS * REGISTERS) / sum;
    const isSmall = estimate <= 2.5 * REGISTERS && empty > 0;
    return Math.round(isSmall ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
  }

  #turn(nowMs: number): void {
    this.#sinceMs ??= nowMs;
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs < GENERATION_MS) return;
    this.#before = passedMs < 2 * GENERATION_MS ? this.#now : new Uint8Array(REGISTERS);
    this.#now = new Uint8Array(REGISTERS);
    this.#sinceMs = nowMs;
  }
}

function mix(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
