// Which key of a prompt in units of text ends where which key in tokens ends, so that what engines report of tokens tells
// of prefixes that the gateway knows in units.

/** Blocks in units that are known in tokens too, the oldest forgotten first: some 150 bytes each, 10 MB. */
export const ALIASES_MAX = 65_536;

/**
 * Of one token key, the newest kept: a block of ordinary text has one or two, and white space, which is units and hardly
 * any tokens, would tie thousands to one.
 */
export const UNITS_PER_TOKEN_KEY_MAX = 16;

export class Aliases {
  readonly #byUnits = new Map<number, number>();
  readonly #byToken = new Map<number, Set<number>>();

  get size(): number {
    return this.#byUnits.size;
  }

  /** Keys in units of the blocks that end with this one in tokens. */
  unitsOf(tokenKey: number): readonly number[] {
    return [...(this.#byToken.get(tokenKey) ?? [])];
  }

  /** Undefined: it is not known. */
  tokenOf(unitKey: number): number | undefined {
    return this.#byUnits.get(unitKey);
  }

  /** Two lists of keys of the same prompt, each complete. */
  learn(unitKeys: ArrayLike<number>, tokenKeys: ArrayLike<number>): void {
    if (tokenKeys.length === 0) return;
    for (let i = 0; i < unitKeys.length; i++)
      this.#set(unitKeys[i]!, tokenKeys[endOf(i, unitKeys.length, tokenKeys.length)]!);
  }

  #set(unitKey: number, tokenKey: number): void {
    this.#forget(unitKey);
    this.#byUnits.set(unitKey, tokenKey);
    const units = this.#byToken.get(tokenKey);
    if (units === undefined) this.#byToken.set(tokenKey, new Set([unitKey]));
    else units.add(unitKey);
    if (units !== undefined && units.size > UNITS_PER_TOKEN_KEY_MAX) this.#forgetFirst(units);
    if (this.#byUnits.size > ALIASES_MAX) this.#forgetFirst(this.#byUnits.keys());
  }

  #forgetFirst(unitKeys: Iterable<number>): void {
    for (const oldest of unitKeys) return this.#forget(oldest);
  }

  #forget(unitKey: number): void {
    const tokenKey = this.#byUnits.get(unitKey);
    if (tokenKey === undefined) return;
    this.#byUnits.delete(unitKey);
    const units = this.#byToken.get(tokenKey)!;
    units.delete(unitKey);
    if (units.size === 0) this.#byToken.delete(tokenKey);
  }
}

/**
 * The block in tokens without which a block in units is not whole, as if tokens were spread evenly. It errs by a block or
 * two where text and code alternate, which a match forgives as it does holes.
 */
export function endOf(unitBlock: number, unitBlocks: number, tokenBlocks: number): number {
  return Math.min(tokenBlocks - 1, Math.ceil(((unitBlock + 1) * tokenBlocks) / unitBlocks) - 1);
}
