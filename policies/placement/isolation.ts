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
}

/** Verdicts of replicas that the caller's copy of the catalog lacks, the newest: as many as a pool replaces at once. */
const ABSENT_MAX = 128;

/**
 * What stands after findings. Fails closed: what proves nothing does not clear one that shares, and one that a caller's copy
 * of the catalog lacks keeps its verdict, since it may be back, or never have been gone.
 */
export function judge(
  standing: readonly Judged[],
  findings: readonly Finding[],
  replicas: readonly string[],
  actor: string,
  atMs: number,
): readonly Judged[] {
  const judged = new Map(standing.map((one) => [one.replica, one]));
  for (const { replica, isolation } of findings) {
    if (isolation === null) judged.delete(replica);
    else if (
      replicas.includes(replica) &&
      (isolation !== "unproven" || judged.get(replica)?.isolation !== "shared")
    )
      judged.set(replica, { replica, isolation, atMs, actor });
  }
  const all = [...judged.values()];
  const weigh = ({ isolation }: Judged): number => (isolation === "shared" ? 1 : 0);
  // Those that share are forgotten last: what is forgotten of others costs a test.
  const absent = all
    .filter(({ replica }) => !replicas.includes(replica))
    .toSorted((a, b) => weigh(b) - weigh(a) || b.atMs - a.atMs)
    .slice(0, ABSENT_MAX);
  return all.filter((one) => replicas.includes(one.replica) || absent.includes(one));
}
