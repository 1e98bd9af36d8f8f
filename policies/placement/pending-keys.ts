// Keys of prompts that wait or are not computed yet, whose memory all tenants of a pool share: how many there are, and whose.

/** All calls together: 16 MB. */
const KEYS_MAX = 2_097_152;
/** The part of it that one tenant may take, so that others' prompts still go where they are cached. */
const TENANT_SHARE = 0.5;

export class PendingKeys {
  readonly #byTenant = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** Whether there is room for so many more of a tenant's. */
  fits(tenant: string, keys: number): boolean {
    const own = this.#byTenant.get(tenant) ?? 0;
    return this.#total + keys <= KEYS_MAX && own + keys <= KEYS_MAX * TENANT_SHARE;
  }

  add(tenant: string, keys: number): void {
    if (keys === 0) return;
    this.#total += keys;
    this.#byTenant.set(tenant, (this.#byTenant.get(tenant) ?? 0) + keys);
  }

  take(tenant: string, keys: number): void {
    if (keys === 0) return;
    this.#total -= keys;
    const left = this.#byTenant.get(tenant)! - keys;
    if (left > 0) this.#byTenant.set(tenant, left);
    else this.#byTenant.delete(tenant);
  }
}
