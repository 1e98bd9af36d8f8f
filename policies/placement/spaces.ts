// Which number each tenant has in the quota of a pool, bounded: one that holds nothing gives its number to another.
import { NOBODY, SPACES_MAX } from "./quota.ts";

export class Spaces {
  readonly #byTenant = new Map<string, number>();
  readonly #holds: (space: number) => boolean;
  /** The first that was not looked at when a number was needed last: each is looked at in its turn. */
  #next = 1;
  readonly #tenants: (string | null)[] = [null];

  constructor(holds: (space: number) => boolean) {
    this.#holds = holds;
  }

  /** Nobody's when too many tenants hold something. */
  of(tenant: string): number {
    const known = this.#byTenant.get(tenant);
    if (known !== undefined) return known;
    if (this.#tenants.length < SPACES_MAX) return this.#give(this.#tenants.length, tenant);
    for (let looked = 0; looked < LOOKED_AT_MAX; looked++) {
      const space = this.#next;
      this.#next = (space % (SPACES_MAX - 1)) + 1;
      if (!this.#holds(space)) return this.#give(space, tenant);
    }
    return NOBODY;
  }

  *[Symbol.iterator](): Generator<readonly [tenant: string, space: number]> {
    yield* this.#byTenant;
  }

  nameOf(space: number): string | null {
    return this.#tenants[space] ?? null;
  }

  #give(space: number, tenant: string): number {
    const before = this.#tenants[space] ?? null;
    if (before !== null) this.#byTenant.delete(before);
    this.#tenants[space] = tenant;
    this.#byTenant.set(tenant, space);
    return space;
  }
}

/** Numbers that one call looks at. */
const LOOKED_AT_MAX = 16;
