// Reads what the bench's commands are asked for; what they cannot take ends them with exit code 2 and the reason.

export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  console.error(`--${name} must be a whole number of at least ${least}, not ${text}`);
  process.exit(2);
}

/** Those of `known` that were asked for, in its order. */
export function chosen<Name extends string>(
  name: string,
  asked: readonly string[],
  known: readonly Name[],
): Name[] {
  const strange = asked.find((text) => !known.some((one) => one === text));
  if (strange === undefined) return known.filter((one) => asked.includes(one));
  console.error(`--${name} must be one of ${known.join(", ")}, not ${strange}`);
  process.exit(2);
}
