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

/** What stands after findings, of those replicas that the pool has. Fails closed: what proves nothing does not clear one that shares. */
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
    else if (isolation !== "unproven" || judged.get(replica)?.isolation !== "shared")
      judged.set(replica, { replica, isolation, atMs, actor });
  }
  return [...judged.values()].filter(({ replica }) => replicas.includes(replica));
}
