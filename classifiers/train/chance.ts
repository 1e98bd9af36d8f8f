// The training's own chance: a small generator whose draws are the same on every machine for one seed.

export type Chance = () => number;

/** 0 <= draw < 1 (xorshift, Marsaglia 2003). */
export function seededChance(seed: number): Chance {
  let state = (Math.imul(seed, 7919) + 17) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4_294_967_296;
  };
}

export function pick<T>(from: readonly T[], chance: Chance): T {
  return from[Math.floor(chance() * from.length)]!;
}

/** In place (Fisher and Yates). */
export function shuffle(order: number[], chance: Chance): void {
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = Math.floor(chance() * (at + 1));
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
}
