// What a request asks an engine to read, as texts and as keys of its blocks: found once, however many steps ask.
import { NAMESPACE_ENTRIES_MAX } from "../policies/prefix/provider-cache.ts";
import {
  BLOCK_UNITS,
  prefixRoot,
  unitKeys,
  type RootParts,
  type Root,
} from "../policies/prefix/keyed-hash.ts";
import type { Ask } from "./dialect/dialect.ts";
import { answeredUnits, promptTexts } from "./upstream/wire/prompt-texts.ts";

/** Nothing that is made with it says anything of a text to whoever lacks the text, or ever decides what an engine reuses. */
export const NO_SECRET = new TextEncoder().encode("sluice prompt");

/**
 * The client's own part of what is sent: what the gateway adds is short, and stands behind it. Texts are the request's, and
 * go with it; keys are as long as they are of use to anybody, and another tenant's are others.
 */
export class Prompt {
  readonly tenantId: string;
  readonly #ask: Ask;
  #texts: readonly string[] | null = null;
  #keys: Float64Array | null = null;

  constructor(ask: Ask, tenantId: string) {
    this.#ask = ask;
    this.tenantId = tenantId;
  }

  get texts(): readonly string[] {
    this.#texts ??= promptTexts(this.#ask.wire, this.#ask.wireMembers);
    return this.#texts;
  }

  get units(): number {
    return this.texts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Of its whole blocks, the first ones. */
  get keys(): Float64Array {
    this.#keys ??= unitKeys(
      rootOf({ namespace: this.tenantId }),
      this.texts,
      NAMESPACE_ENTRIES_MAX,
    );
    return this.#keys;
  }

  /** Whole blocks that were a prompt before, as the last answer's; 0 where nothing has answered. */
  get answeredBlocks(): number {
    const { wire, wireMembers } = this.#ask;
    return Math.floor((answeredUnits(wire, wireMembers) ?? 0) / BLOCK_UNITS);
  }
}

/** The same one for the same ask. */
export function promptOf(ask: Ask, tenantId: string): Prompt {
  const known = prompts.get(ask);
  if (known?.tenantId === tenantId) return known;
  const prompt = new Prompt(ask, tenantId);
  prompts.set(ask, prompt);
  return prompt;
}

/** Held by the asks, so that a request's texts go when it does. */
const prompts = new WeakMap<Ask, Prompt>();

/** Providers' caches are told apart by model where they are kept, so that one prompt has one chain of keys. */
export function rootOf({
  namespace,
  model = "",
}: Partial<RootParts> & { namespace: string }): Root {
  return prefixRoot(NO_SECRET, {
    model,
    revision: "",
    adapter: "",
    namespace,
    domain: "units256",
  });
}
