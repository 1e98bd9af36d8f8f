// From unknown to a typed operator document, or every fault with its path. Only documents come this way:
// the chat body on the hot path is read by hand, because a schema library costs more there than it gives.
import * as z from "zod/mini";

export interface Fault {
  /** Where in the document, as dots and indexes: `models.2.prices.outputNanosPerMtok`. */
  readonly path: string;
  readonly problem: string;
}

export function faultAt(path: string, problem: string): Fault {
  return { path, problem };
}

export type Parsed<T> =
  | { readonly kind: "parsed"; readonly value: T }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

export function parseWith<T>(schema: z.ZodMiniType<T>, document: unknown): Parsed<T> {
  const result = z.safeParse(schema, document, { error: englishProblem });
  if (result.success) return { kind: "parsed", value: result.data };
  return {
    kind: "faulty",
    faults: result.error.issues.map((issue) => ({
      path: issue.path.map(String).join("."),
      problem: issue.message,
    })),
  };
}

/** A number is so much; a text and a list have so many. */
function sizeOf(origin: string, bound: string): string {
  const isOne = bound.endsWith(" 1");
  if (origin === "string") return `have ${bound} ${isOne ? "character" : "characters"}`;
  if (origin === "array") return `have ${bound} ${isOne ? "entry" : "entries"}`;
  return `be ${bound}`;
}

/** zod/mini carries no messages of its own; these are ours, in the operator's words. */
function englishProblem(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? `is missing; give ${named(issue.expected)}`
        : `must be ${named(issue.expected)}`;
    case "too_small":
      return `must ${sizeOf(issue.origin, `at least ${String(issue.minimum)}`)}`;
    case "too_big":
      return `must ${sizeOf(issue.origin, `at most ${String(issue.maximum)}`)}`;
    case "unrecognized_keys":
      return `has unknown fields: ${issue.keys.join(", ")}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "invalid_format":
      return `must match ${issue.pattern ?? issue.format}`;
    case "custom":
    case "invalid_element":
    case "invalid_key":
    case "invalid_union":
    case "not_multiple_of":
      return "is not valid here";
  }
}

/** What the schema expected, as an operator would say it. */
function named(expected: string): string {
  if (expected === "int") return "a whole number";
  return `${/^[aeiou]/.test(expected) ? "an" : "a"} ${expected}`;
}
