// What a self-test found of a replica's cache: whether it keeps callers with different salts apart. One that does not gets
// no calls until somebody shows that it does, or takes the finding back.

export const ISOLATIONS = [
  /** A prompt is found again under its own salt, and not under another. */
  "kept",
  /** It is found under another salt: whoever asks can tell what others asked. */
  "shared",
  /** It is not even found under its own: the engine does not cache, or does not say. */
  "unproven",
] as const;
export type Isolation = (typeof ISOLATIONS)[number];

export interface Finding {
  readonly replica: string;
  /** Null takes back what was found before. */
  readonly isolation: Isolation | null;
}

export interface Judged {
  readonly replica: string;
  readonly isolation: Isolation;
  readonly atMs: number;
  /** Who said so. */
  readonly actor: string;
  /** Where the replica was, as settings say it; null: it was not told. */
  readonly address: number | null;
}

/** Verdicts of replicas that the caller's copy of the catalog lacks, the newest: as many as a pool replaces at once. */
const ABSENT_MAX = 128;

/** A replica as the caller's copy of the catalog has it. */
interface Named {
  readonly id: string;
  readonly address?: number;
}

/** Of one that has moved, a verdict was of another engine. That it shares stands all the same, until a test clears it. */
export function isOf({ isolation, address }: Judged, replica: Named): boolean {
  const hasMoved = address !== null && (replica.address ?? address) !== address;
  return isolation === "shared" || !hasMoved;
}

/**
 * What stands after findings. Fails closed: what proves nothing does not clear one that shares, and one that a caller's copy
 * of the catalog lacks keeps its verdict, since it may be back, or never have been gone.
 */
export function judge(
  standing: readonly Judged[],
  findings: readonly Finding[],
  replicas: readonly Named[],
  actor: string,
  atMs: number,
): readonly Judged[] {
  const byId = new Map(replicas.map((one) => [one.id, one]));
  const standingStill = standing.filter((one) =>
    isOf(one, byId.get(one.replica) ?? { id: one.replica }),
  );
  const judged = new Map(standingStill.map((one) => [one.replica, one]));
  for (const { replica, isolation } of findings) {
    if (isolation === null) judged.delete(replica);
    else if (
      byId.has(replica) &&
      (isolation !== "unproven" || judged.get(replica)?.isolation !== "shared")
    )
      judged.set(replica, {
        replica,
        isolation,
        atMs,
        actor,
        address: byId.get(replica)?.address ?? null,
      });
  }
  const all = [...judged.values()];
  const weigh = ({ isolation }: Judged): number => (isolation === "shared" ? 1 : 0);
  // Those that share are forgotten last: what is forgotten of others costs a test.
  const absent = all
    .filter(({ replica }) => !byId.has(replica))
    .toSorted((a, b) => weigh(b) - weigh(a) || b.atMs - a.atMs)
    .slice(0, ABSENT_MAX);
  return all.filter((one) => byId.has(one.replica) || absent.includes(one));
}
