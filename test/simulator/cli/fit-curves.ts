// The numerical part of the fit: a logistic through set accuracies, a line through logarithms,
// and a root by halving. Pure functions of numbers.
import { logistic } from "../chance.ts";

/** Newton's method converges in a handful of steps on two parameters; more means bad data. */
const newtonStepsMax = 100;

/** Smallest slope: a curve that rose with difficulty would be noise, not a model. */
const slopeMin = 0.5;

export function fitLogistic(
  sets: readonly { readonly difficulty: number; readonly accuracy: number }[],
): { intercept: number; slope: number } {
  let intercept = 0;
  let slope = 1;
  for (let step = 0; step < newtonStepsMax; step += 1) {
    let [gradientIntercept, gradientSlope, hessianII, hessianIS, hessianSS] = [0, 0, 1e-9, 0, 1e-9];
    for (const { difficulty, accuracy } of sets) {
      const predicted = logistic(intercept - slope * difficulty);
      const weight = predicted * (1 - predicted);
      gradientIntercept += accuracy - predicted;
      gradientSlope -= (accuracy - predicted) * difficulty;
      hessianII += weight;
      hessianIS -= weight * difficulty;
      hessianSS += weight * difficulty * difficulty;
    }
    const determinant = hessianII * hessianSS - hessianIS * hessianIS;
    const moveIntercept = (hessianSS * gradientIntercept - hessianIS * gradientSlope) / determinant;
    const moveSlope = (hessianII * gradientSlope - hessianIS * gradientIntercept) / determinant;
    // Half steps: the likelihood is concave, but a full first step can overshoot.
    intercept += moveIntercept / 2;
    slope += moveSlope / 2;
    if (Math.abs(moveIntercept) + Math.abs(moveSlope) < 1e-10) break;
  }
  return { intercept, slope: Math.max(slopeMin, slope) };
}

export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): {
  intercept: number;
  slope: number;
} {
  const count = points.length;
  const meanX = points.reduce((sum, point) => sum + point.x, 0) / count;
  const meanY = points.reduce((sum, point) => sum + point.y, 0) / count;
  const covariance = points.reduce((sum, point) => sum + (point.x - meanX) * (point.y - meanY), 0);
  const variance = points.reduce((sum, point) => sum + (point.x - meanX) ** 2, 0);
  const slope = covariance / variance;
  return { intercept: meanY - slope * meanX, slope };
}

export function accuracyOf(
  curve: { readonly intercept: number; readonly slope: number },
  difficulties: readonly number[],
): number {
  return (
    difficulties.reduce(
      (sum, difficulty) => sum + logistic(curve.intercept - curve.slope * difficulty),
      0,
    ) / difficulties.length
  );
}

/** Results are kept to four decimals; 24 halvings of a range of 60 leave less than a tenth of that. */
const halvings = 24;

/** Where an increasing function reaches `target`. */
export function solveIncreasing(
  value: (x: number) => number,
  target: number,
  low = -30,
  high = 30,
): number {
  let [below, above] = [low, high];
  for (let halving = 0; halving < halvings; halving += 1) {
    const middle = (below + above) / 2;
    if (value(middle) < target) below = middle;
    else above = middle;
  }
  return (below + above) / 2;
}
