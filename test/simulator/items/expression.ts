// Reads arithmetic with at most one unknown, as a linear form `slope * x + constant`, and names
// the operations on the way. Both arithmetic and equations are read by it.
import type { StepName } from "./item.ts";

type Linear = { readonly slope: number; readonly constant: number };
type Reading = {
  readonly form: Linear;
  readonly steps: readonly StepName[];
  readonly operands: readonly number[];
  /** How often the unknown occurs. */
  readonly unknowns: number;
};

/** Deeper nesting is no school arithmetic, and would be a way to exhaust the stack. */
const depthMax = 32;

/** Null when the text is not such an expression, or is not linear, or divides by zero. */
export function readExpression(text: string, unknown: string | null): Reading | null {
  const tokens = text.match(/\d+(?:\.\d+)?|\.\d+|sqrt|cbrt|[a-z]|\*\*|[-+*/^%()]/gi) ?? [];
  if (tokens.join("") !== text.replaceAll(/\s/g, "")) return null;
  // Two numbers with only a space between are a list, and a leading zero is a code: neither is a sum.
  // A longer number than a double holds could not be answered exactly.
  if (/\d\s+\.?\d|(?<![\d.])0\d|\d{16}/.test(text)) return null;
  const steps: StepName[] = [];
  const operands: number[] = [];
  let unknowns = 0;
  let at = 0;
  let depth = 0;

  function readSum(): Linear | null {
    let left = readProduct();
    while (left !== null && (tokens[at] === "+" || tokens[at] === "-")) {
      const sign = tokens[at] === "+" ? 1 : -1;
      at += 1;
      const right = readProduct();
      if (right === null) return null;
      steps.push(sign === 1 ? "add" : "subtract");
      left = {
        slope: left.slope + sign * right.slope,
        constant: left.constant + sign * right.constant,
      };
    }
    return left;
  }

  function readProduct(): Linear | null {
    let left = readSigned();
    while (left !== null) {
      const token = tokens[at];
      const implicit = token === "(" || (token !== undefined && token === unknown);
      if (token !== "*" && token !== "/" && token !== "%" && !implicit) return left;
      if (!implicit) at += 1;
      const opensGroup = tokens[at] === "(";
      const right = readSigned();
      if (right === null) return null;
      if (token === "/") {
        if (right.slope !== 0 || right.constant === 0) return null;
        steps.push("divide");
        left = { slope: left.slope / right.constant, constant: left.constant / right.constant };
        continue;
      }
      if (left.slope !== 0 && right.slope !== 0) return null;
      // "3x" is how a term is written, not a step; "3(x + 2)" has to be multiplied out.
      if (token === "%") steps.push("percentage");
      else if (unknown === null || !implicit) steps.push("multiply");
      else if (opensGroup) steps.push("expand");
      const share = token === "%" ? 100 : 1;
      left = {
        slope: (left.slope * right.constant + right.slope * left.constant) / share,
        constant: (left.constant * right.constant) / share,
      };
    }
    return left;
  }

  function readSigned(): Linear | null {
    if (tokens[at] !== "-") return readPower();
    at += 1;
    depth += 1;
    const inner = depth > depthMax ? null : readSigned();
    depth -= 1;
    return inner === null ? null : { slope: -inner.slope, constant: -inner.constant };
  }

  /** Binds to the right and before a sign: 2^3^2 is 512, and -2^2 is -4. */
  function readPower(): Linear | null {
    const base = readFactor();
    if (base === null || (tokens[at] !== "^" && tokens[at] !== "**")) return base;
    at += 1;
    depth += 1;
    const exponent = depth > depthMax ? null : readSigned();
    depth -= 1;
    if (exponent === null || base.slope !== 0 || exponent.slope !== 0) return null;
    steps.push("power");
    return { slope: 0, constant: base.constant ** exponent.constant };
  }

  function readFactor(): Linear | null {
    const token = tokens[at];
    at += 1;
    if (token === undefined) return null;
    if (token === "(") {
      depth += 1;
      if (depth > depthMax) return null;
      const inner = readSum();
      depth -= 1;
      if (tokens[at] !== ")") return null;
      at += 1;
      return inner;
    }
    if (token === "sqrt" || token === "cbrt") {
      depth += 1;
      const inner = depth > depthMax ? null : readFactor();
      depth -= 1;
      if (inner === null || inner.slope !== 0) return null;
      steps.push("root");
      const root = token === "sqrt" ? Math.sqrt(inner.constant) : Math.cbrt(inner.constant);
      return { slope: 0, constant: root };
    }
    if (unknown !== null && token === unknown) {
      unknowns += 1;
      return { slope: 1, constant: 0 };
    }
    if (!/^\.?\d/.test(token)) return null;
    operands.push(Number(token));
    return { slope: 0, constant: Number(token) };
  }

  const form = readSum();
  if (form === null || at !== tokens.length) return null;
  if (!Number.isFinite(form.constant) || !Number.isFinite(form.slope)) return null;
  return { form, steps, operands, unknowns };
}
