// What a question is to the simulator once it understood it: the right answer, the named steps
// that lead there, and how difficult it is on one stated scale.

export const families = [
  "arithmetic",
  "equation",
  "conversion",
  "shopping",
  "travel",
  "sharing",
  "percentage",
  "ages",
  "chain",
] as const;
export type Family = (typeof families)[number];

/** One word per operation: outlines and skills are judged by whether they name these. */
export const stepNames = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "power",
  "root",
  "percentage",
  "rate",
  "share",
  "convert",
  "expand",
  "collect",
  "isolate",
] as const;
export type StepName = (typeof stepNames)[number];

export type Item = {
  readonly family: Family;
  /** The question without its wrapping: the same for every prompt that asks the same thing. */
  readonly key: string;
  readonly value: number;
  readonly answer: string;
  readonly steps: readonly StepName[];
  /** 0 is what nobody gets wrong, 1 what hardly anybody gets right. */
  readonly difficulty: number;
  /** Always answered right, in every mode: one step over numbers of a times table. */
  readonly trivial: boolean;
};

/** Numbers up to here are known by heart. */
const byHeartMax = 12;

/**
 * The stated scale: .08 for one step, .10 for each further step, .02 for each digit beyond two
 * in the largest number. It places recorded sets where ARM-7B's four formats err as often:
 * short word problems near .16, school word problems near .3, olympiad problems near .9.
 */
export function rateDifficulty(steps: number, operands: readonly number[]): number {
  const largest = Math.max(1, ...operands.map((operand) => Math.abs(operand)));
  const extraDigits = Math.max(0, Math.floor(Math.log10(largest)) + 1 - 2);
  const hundredths = 8 + 10 * (Math.max(1, steps) - 1) + 2 * extraDigits;
  return Math.min(100, hundredths) / 100;
}

export function makeItem(
  family: Family,
  key: string,
  value: number,
  steps: readonly StepName[],
  operands: readonly number[],
): Item {
  const trivial =
    steps.length <= 1 &&
    operands.every((operand) => Number.isInteger(operand) && Math.abs(operand) <= byHeartMax);
  return {
    family,
    key: `${family}:${key}`,
    value,
    answer: formatNumber(value),
    steps,
    difficulty: trivial ? 0 : rateDifficulty(steps.length, operands),
    trivial,
  };
}

/** At most four decimals, of small values four digits; no trailing zeros, never "-0". */
export function formatNumber(value: number): string {
  const rounded =
    Math.abs(value) < 0.1 ? Number(value.toPrecision(4)) : Math.round(value * 10_000) / 10_000;
  return String(rounded === 0 ? 0 : rounded);
}
