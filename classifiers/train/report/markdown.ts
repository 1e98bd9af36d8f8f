// Tables in Markdown, and numbers as they stand in them.
import type { Interval } from "./interval.ts";

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Three places, and no zero before the point: .779, -.012. */
export function figure(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(3).replace(/^(-?)0\./, "$1.");
}

export function withInterval({ value, low, high }: Interval): string {
  return `${figure(value)} (${figure(low)} to ${figure(high)})`;
}
