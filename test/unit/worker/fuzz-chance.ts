// Chance from a seed, so that a case that failed can be had again: mulberry32, good enough to choose among shapes.

export interface Chance {
  /** 0 <= fraction < 1. */
  fraction(): number;
  /** A whole number from 0 to `below` - 1. */
  whole(below: number): number;
  /** True once in `times`. */
  once(times: number): boolean;
  pick<T>(of: readonly T[]): T;
}

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const whole = (below: number): number => Math.floor(fraction() * below);
  return {
    fraction,
    whole,
    once: (times) => whole(times) === 0,
    pick: (of) => {
      const picked = of[whole(of.length)];
      if (picked === undefined) throw new Error("There is nothing to pick from.");
      return picked;
    },
  };
}

/** The chance of one case of a search: neighbours share nothing. */
export function chanceOfCase(seed: number, index: number): Chance {
  return chanceFrom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
}
