// Prompts that could share a cache and do not: of one namespace's latest prompts, those that have most of their text in
// common but part within the first thousand tokens. What is kept are hashes, counts and a word for what stands there.
import {
  align,
  DONORS_MAX,
  donorOf,
  EARLY_UNITS,
  MARK_UNITS,
  sharedBeginning,
  unitsOf,
  type Donor,
  type Span,
} from "./align.ts";
import type { Root } from "./keyed-hash.ts";
import { PART_KINDS, partKind, type PartKind } from "./part-kind.ts";
import { reuseHint, type ReuseHint } from "./reuse-hint.ts";

export interface Finding {
  /** Prompts that parted from another one of these; a beginning that is cached is not counted again. */
  readonly prompts: number;
  /** Of their text, the mean part that an earlier one had as well. */
  readonly sharedShare: number;
  /** The first place where two of them part, in UTF-16 units of the canonical text. */
  readonly partsAtUnits: number;
  readonly partKind: PartKind;
  readonly advice: string;
}

/** Shorter than four blocks there is nothing to win. */
const PROMPT_UNITS_MIN = 1024;
/** As much of the text as a word that begins there may need. */
const EARLY_AROUND_UNITS = 64;
/** What another layout must win of a prompt, to be worth a word. */
const LOST_SHARE_MIN = 0.5;
/** Kinds of prompts of one namespace; the one that was met least lately goes. */
const GROUPS_MAX = 16;

interface Group {
  prompts: number;
  shares: number;
  partsAtUnits: number;
  readonly kinds: Record<PartKind, number>;
}

interface Known {
  readonly donor: Donor;
  group: Group | null;
}

const MOVE = "behind what stays the same, for example into the last message";
const ADVICE: Readonly<Record<PartKind, string>> = {
  time: `Move the date or time ${MOVE}, or leave out the seconds.`,
  id: `Move the identifier ${MOVE}, or leave it out: a field of the request can carry it.`,
  number: `Move the number ${MOVE}.`,
  name: `Move the name ${MOVE}.`,
  other: `Move what differs ${MOVE}.`,
};

/** The lint of one namespace: about 100 KB at its most. */
export class PromptLint {
  readonly #root: Root;
  readonly #namespace: string;
  /** The latest first; of a conversation its latest turn. */
  #known: Known[] = [];
  /** The one that was met latest first. */
  #groups: Group[] = [];

  constructor(root: Root, namespace: string) {
    this.#root = root;
    this.#namespace = namespace;
  }

  /** Takes in a prompt under a name of the caller's, and says what of it could be reused from earlier ones. */
  see(texts: readonly string[], name: string): ReuseHint | null {
    const units = unitsOf(texts);
    if (units.length < PROMPT_UNITS_MIN) return null;
    const donor = donorOf(this.#root, units, name);
    const { nearest, partsAt } = this.#nearest(donor);
    if (nearest !== null && isContinued(nearest.donor, donor, partsAt)) {
      this.#keep({ donor, group: nearest.group }, nearest);
      return null;
    }
    const spans = align(
      this.#root,
      units,
      this.#known.map((known) => known.donor),
    );
    let group: Group | null = null;
    const shared = mostShared(spans);
    if (shared !== null && shared.units - partsAt >= LOST_SHARE_MIN * units.length) {
      const around = String.fromCharCode(...units.subarray(0, partsAt + EARLY_AROUND_UNITS));
      const known = this.#known.find((one) => one.donor === shared.donor)!;
      group = this.#join(known);
      group.prompts++;
      group.shares += shared.units / units.length;
      group.partsAtUnits = Math.min(group.partsAtUnits, partsAt);
      group.kinds[partKind(around, partsAt)]++;
    }
    this.#keep({ donor, group }, null);
    return reuseHint(this.#namespace, spans, units.length);
  }

  /** What was found, of most prompts first. */
  findings(): Finding[] {
    return this.#groups
      .map(({ prompts, shares, partsAtUnits, kinds }) => {
        const kind = PART_KINDS.reduce((most, one) => (kinds[one] > kinds[most] ? one : most));
        // The first of them had nobody to share with.
        const sharedShare = shares / (prompts - 1);
        return { prompts, sharedShare, partsAtUnits, partKind: kind, advice: ADVICE[kind] };
      })
      .toSorted((one, other) => other.prompts - one.prompts);
  }

  /** Which earlier prompt begins most alike, and where even that one parts. */
  #nearest(donor: Donor): { nearest: Known | null; partsAt: number } {
    let nearest: Known | null = null;
    let partsAt = 0;
    for (const known of this.#known) {
      const shared = sharedBeginning(known.donor, donor);
      if (shared <= partsAt) continue;
      partsAt = shared;
      nearest = known;
    }
    return { nearest, partsAt };
  }

  /** The group of an earlier prompt, which is its first member if it had none. */
  #join(known: Known): Group {
    const kinds = { time: 0, id: 0, number: 0, name: 0, other: 0 };
    known.group ??= { prompts: 1, shares: 0, partsAtUnits: EARLY_UNITS, kinds };
    const { group } = known;
    this.#groups = [group, ...this.#groups.filter((one) => one !== group)].slice(0, GROUPS_MAX);
    return group;
  }

  #keep(known: Known, instead: Known | null): void {
    const others = this.#known.filter((one) => one !== instead);
    this.#known = [known, ...others].slice(0, DONORS_MAX);
  }
}

/** In one isolate: 6 MB at their most. */
export const LINTS_MAX = 64;

/** The lints of as many namespaces; the one that sent nothing for longest goes, with what was found. */
export class PromptLints {
  readonly #lints = new Map<string, PromptLint>();

  /** Null for a namespace of which nothing is known. */
  find(namespace: string): PromptLint | null {
    return this.#lints.get(namespace) ?? null;
  }

  /** `root` is that of the namespace: prompts of two models are two namespaces here. */
  of(root: Root, namespace: string): PromptLint {
    const lint = this.find(namespace) ?? new PromptLint(root, namespace);
    this.#lints.delete(namespace);
    this.#lints.set(namespace, lint);
    for (const idlest of this.#lints.keys()) {
      if (this.#lints.size <= LINTS_MAX) break;
      this.#lints.delete(idlest);
    }
    return lint;
  }
}

/** One begins with the other, or both with so much that it is cached: turns of a conversation, or one template. */
function isContinued(one: Donor, other: Donor, sharedUnits: number): boolean {
  return sharedUnits + MARK_UNITS > Math.min(EARLY_UNITS, one.units, other.units);
}

/** The donor that has most of the prompt. */
function mostShared(spans: readonly Span[]): { donor: Donor; units: number } | null {
  const units = new Map<Donor, number>();
  let most: Donor | null = null;
  for (const { donor, from, to } of spans) {
    units.set(donor, (units.get(donor) ?? 0) + to - from);
    if (most === null || units.get(donor)! > units.get(most)!) most = donor;
  }
  return most === null ? null : { donor: most, units: units.get(most)! };
}
