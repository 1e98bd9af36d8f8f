// The four reasoning formats and the arm they form with a model. The words are the design's; the formats are ARM's.

/** ARM's reasoning formats (arXiv 2505.20258), cheapest first. */
export const MODES = ["direct", "short", "code", "long"] as const;
export type Mode = (typeof MODES)[number];

/** What a request runs as. `mode` is null when the caller named a model: its body goes out as it was written. */
export interface Arm {
  readonly model: string;
  readonly mode: Mode | null;
}

export function isMode(value: unknown): value is Mode {
  return (MODES as readonly unknown[]).includes(value);
}

/** An arm in one word, for journal rows, logs and headers: `small/direct`, or `small/as-sent` without a mode. */
export function armName(arm: Arm): string {
  return `${arm.model}/${arm.mode ?? "as-sent"}`;
}

/** Reads what `armName` wrote; null when the text is not an arm. A model's id may itself hold slashes. */
export function parseArm(name: string): Arm | null {
  const cut = name.lastIndexOf("/");
  if (cut <= 0) return null;
  const mode = name.slice(cut + 1);
  if (mode === "as-sent") return { model: name.slice(0, cut), mode: null };
  return isMode(mode) ? { model: name.slice(0, cut), mode } : null;
}
