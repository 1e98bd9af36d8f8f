// Fits linear heads by full-batch gradient descent (Adam). Deterministic: no sampling, starts at zero.

export interface Sample {
  readonly signals: Float64Array;
  /** The class's index for `softmax`, else the wanted value. */
  readonly target: number;
  readonly weight: number;
}

export interface Descent {
  readonly loss: "softmax" | "logistic" | "square";
  readonly outputs: number;
  readonly iterations: number;
  readonly ridge: number;
}

const STEP = 0.06;
const MOMENTUM = 0.9;
const SPREAD = 0.999;
const EPSILON = 1e-8;
/** The last third goes in small steps, so that the end does not hang on where a step fell. */
const SETTLE_FROM = 0.7;
const SETTLE_STEP = 0.2;

/** Coefficients as `outputs` rows of as many numbers as a sample has signals. Signal 0 is the intercept and not shrunk. */
export function descend(samples: readonly Sample[], descent: Descent): Float64Array {
  const width = samples[0]!.signals.length;
  const weights = new Float64Array(descent.outputs * width);
  const first = new Float64Array(weights.length);
  const second = new Float64Array(weights.length);
  const total = samples.reduce((sum, sample) => sum + sample.weight, 0);
  for (let iteration = 1; iteration <= descent.iterations; iteration += 1) {
    const gradient = slope(samples, weights, width, descent, total);
    const step = STEP * (iteration > descent.iterations * SETTLE_FROM ? SETTLE_STEP : 1);
    for (let at = 0; at < weights.length; at += 1) {
      const pull = gradient[at]! + (at % width === 0 ? 0 : descent.ridge * weights[at]!);
      first[at] = MOMENTUM * first[at]! + (1 - MOMENTUM) * pull;
      second[at] = SPREAD * second[at]! + (1 - SPREAD) * pull * pull;
      const mean = first[at]! / (1 - MOMENTUM ** iteration);
      const spread = Math.sqrt(second[at]! / (1 - SPREAD ** iteration));
      weights[at]! -= (step * mean) / (spread + EPSILON);
    }
  }
  return weights;
}

function slope(
  samples: readonly Sample[],
  weights: Float64Array,
  width: number,
  descent: Descent,
  total: number,
): Float64Array {
  const gradient = new Float64Array(weights.length);
  const outputs = new Float64Array(descent.outputs);
  for (const { signals, target, weight } of samples) {
    for (let output = 0; output < descent.outputs; output += 1) {
      let sum = 0;
      for (let at = 0; at < width; at += 1) sum += weights[output * width + at]! * signals[at]!;
      outputs[output] = sum;
    }
    toErrors(outputs, target, descent.loss);
    for (let output = 0; output < descent.outputs; output += 1) {
      const error = (outputs[output]! * weight) / total;
      for (let at = 0; at < width; at += 1) gradient[output * width + at]! += error * signals[at]!;
    }
  }
  return gradient;
}

/** Turns outputs into the derivative of the loss, in place. */
function toErrors(outputs: Float64Array, target: number, loss: Descent["loss"]): void {
  if (loss === "square") outputs[0]! -= target;
  else if (loss === "logistic") outputs[0] = 1 / (1 + Math.exp(-outputs[0]!)) - target;
  else {
    const highest = Math.max(...outputs);
    let sum = 0;
    for (let at = 0; at < outputs.length; at += 1)
      sum += outputs[at] = Math.exp(outputs[at]! - highest);
    for (let at = 0; at < outputs.length; at += 1)
      outputs[at] = outputs[at]! / sum - (at === target ? 1 : 0);
  }
}
