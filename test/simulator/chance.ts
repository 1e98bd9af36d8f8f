// Seeded chance: every draw is a pure function of a key, so that an answer depends on what was
// asked and on the seed, and never on how many requests came before.

/** 53 bits out of any text (two 32-bit multiply-and-xor lanes); not for secrets. */
export function hash(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** Uniform in the open interval (0, 1): a logarithm of it is always finite. */
export function drawUniform(key: string): number {
  return (hash(key) + 0.5) / 9007199254740992;
}

/** Standard normal, by Box and Muller. */
export function drawNormal(key: string): number {
  const radius = Math.sqrt(-2 * Math.log(drawUniform(`${key}|radius`)));
  return radius * Math.cos(2 * Math.PI * drawUniform(`${key}|angle`));
}

/** A whole number from `low` to `high`, both included. */
export function drawInteger(key: string, low: number, high: number): number {
  return low + Math.floor(drawUniform(key) * (high - low + 1));
}

export function drawOne<Value>(key: string, from: readonly Value[]): Value {
  const value = from[drawInteger(key, 0, from.length - 1)];
  if (value === undefined) throw new RangeError(`nothing to draw from for ${key}`);
  return value;
}

/** The normal distribution function (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
export function normalCdf(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const polynomial =
    t *
    (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * polynomial * Math.exp(-x * x);
  return z > 0 ? 1 - tail : tail;
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
