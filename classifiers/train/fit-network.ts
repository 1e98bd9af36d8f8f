// Fits one network by stochastic gradient descent (AdaGrad), all tasks at once: failing, ordering inside a source, tokens,
// kind, topic, and what single models get right. Words are dropped at random, half of them on average.
import { DAMPING, DEMANDS, FAILS, FIRST_KIND, LOG_TOKENS, OUTPUTS } from "../network.ts";
import { KINDS } from "../features.ts";
import { seededChance, shuffle, type Chance } from "./chance.ts";
import type { Example } from "./examples.ts";
import type { Fitted, Sample, Settings, Shape } from "./fit-shape.ts";
import { Parameters } from "./parameters.ts";

/** Of a question's views, the recorded one is read this often. */
const RECORDED_SHARE = 0.7;
const WORD_STEP = 0.05;
const DENSE_STEP = 0.02;
const SOURCE_STEP = 0.1;
/** The last epochs go in small steps, so that the end does not hang on where a step fell. */
const SETTLE_FROM = 0.7;
const SETTLE_STEP = 0.3;
const RIDGE = 1e-5;
const TRIVIAL_WEIGHT = 0.3;
const TOKENS_WEIGHT = 0.7;
const TOKENS_ERROR_MAX = 1;
const KIND_WEIGHT = 0.5;
const TOKENS_BASE = 5;
/** Of a question's solvers every other one, or every fourth of many, is looked at in one step. */
const MANY_SOLVERS = 20;

export function fitNetwork(
  samples: readonly Sample[],
  shape: Shape,
  settings: Settings,
  seed: number,
): Fitted {
  const descent = new Descent(shape, settings, seededChance(seed));
  const order = samples.map((_, index) => index);
  for (let epoch = 0; epoch < settings.epochs; epoch += 1) {
    shuffle(order, descent.chance);
    descent.pace = epoch >= settings.epochs * SETTLE_FROM ? SETTLE_STEP : 1;
    for (const index of order) descent.learn(samples[index]!);
  }
  const { embedding, first, second, direct } = descent;
  return {
    embedding: embedding.values,
    first: first.values,
    second: second.values,
    direct: direct.values,
  };
}

class Descent {
  readonly chance: Chance;
  pace = 1;
  readonly embedding: Parameters;
  readonly first: Parameters;
  readonly second: Parameters;
  readonly direct: Parameters;
  readonly #sources: Parameters;
  readonly #solvers: Parameters;
  readonly #topics: Parameters;
  readonly #shape: Shape;
  readonly #settings: Settings;
  readonly #inputs: Float32Array;
  readonly #units: Float32Array;
  readonly #outputs = new Float64Array(OUTPUTS);
  readonly #errors = new Float64Array(OUTPUTS);
  readonly #unitErrors: Float32Array;
  readonly #wordErrors: Float32Array;
  readonly #topicOdds: Float64Array;
  readonly #rows = new Int32Array(4096);

  constructor(shape: Shape, settings: Settings, chance: Chance) {
    const { words, width, hidden, signals, sources, solvers, topics } = shape;
    this.#shape = shape;
    this.#settings = settings;
    this.chance = chance;
    const inputs = width + signals;
    this.embedding = Parameters.random(words * width, 0.1, chance);
    this.first = Parameters.random(hidden * inputs, 1 / Math.sqrt(inputs), chance);
    // The words' sums begin small beside the signals; these let them be heard.
    for (let at = 0; at < this.first.values.length; at += 1)
      if (at % inputs < width) this.first.values[at]! *= 3;
    this.second = Parameters.random(OUTPUTS * hidden, 0.5 / Math.sqrt(hidden), chance);
    this.direct = Parameters.zero(OUTPUTS * signals);
    this.direct.values[LOG_TOKENS * signals] = TOKENS_BASE;
    this.#sources = Parameters.zero(sources);
    this.#solvers = Parameters.zero(solvers * hidden);
    this.#topics = Parameters.zero(topics * hidden);
    this.#inputs = new Float32Array(inputs);
    this.#units = new Float32Array(hidden);
    this.#unitErrors = new Float32Array(hidden);
    this.#wordErrors = new Float32Array(width);
    this.#topicOdds = new Float64Array(topics);
  }

  learn({ example, views, residuals, topic }: Sample): void {
    if (example.share < 1 && this.chance() > example.share) return;
    const isRecorded = views.length === 1 || this.chance() < RECORDED_SHARE;
    const view = views[isRecorded ? 0 : 1 + Math.floor(this.chance() * (views.length - 1))]!;
    const count = this.#drop(view.rows);
    const damping = 1 / Math.sqrt(count + DAMPING);
    this.#forward(count, damping, view.signals);
    this.#judge(example);
    this.#backward(view.signals, example.weight, residuals, topic);
    this.#spread(count, damping);
  }

  /** Around the share of the settings, more or less from question to question. */
  #drop(rows: Int32Array): number {
    const share = this.#settings.wordDropout * (0.5 + this.chance());
    let count = 0;
    for (const row of rows) if (this.chance() >= share) this.#rows[count++] = row;
    return count;
  }

  #forward(count: number, damping: number, signals: Float32Array): void {
    const { width, hidden } = this.#shape;
    const inputs = this.#inputs;
    inputs.fill(0, 0, width);
    const words = this.embedding.values;
    for (let word = 0; word < count; word += 1) {
      const from = this.#rows[word]! * width;
      for (let at = 0; at < width; at += 1) inputs[at]! += words[from + at]!;
    }
    for (let at = 0; at < width; at += 1) inputs[at]! *= damping;
    inputs.set(signals, width);
    for (let unit = 0; unit < hidden; unit += 1)
      this.#units[unit] = Math.max(0, rowTimes(this.first.values, unit, inputs));
    for (let output = 0; output < OUTPUTS; output += 1)
      this.#outputs[output] =
        (hidden === 0 ? inputs[output]! : rowTimes(this.second.values, output, this.#units)) +
        rowTimes(this.direct.values, output, signals);
  }

  /** The derivative of each task's loss by its output. */
  #judge({ fails, demands, logTokens, kind, place, weight }: Example): void {
    const errors = this.#errors.fill(0);
    const outputs = this.#outputs;
    if (fails !== null)
      errors[FAILS] = (logistic(outputs[FAILS]!) - fails) * (demands === null ? TRIVIAL_WEIGHT : 1);
    if (demands !== null) {
      // A level of each source's own, so that this head learns what orders questions inside one.
      const level = this.#sources.values[place]!;
      errors[DEMANDS] = logistic(outputs[DEMANDS]! + level) - demands;
      this.#sources.move(place, errors[DEMANDS] * weight, SOURCE_STEP * this.pace);
    }
    if (logTokens !== null) {
      const error = outputs[LOG_TOKENS]! - logTokens;
      errors[LOG_TOKENS] =
        Math.max(-TOKENS_ERROR_MAX, Math.min(TOKENS_ERROR_MAX, error)) * TOKENS_WEIGHT;
    }
    const highest = Math.max(...outputs.subarray(FIRST_KIND));
    let total = 0;
    for (let at = 0; at < KINDS.length; at += 1)
      total += Math.exp(outputs[FIRST_KIND + at]! - highest);
    for (let at = 0; at < KINDS.length; at += 1) {
      const probability = Math.exp(outputs[FIRST_KIND + at]! - highest) / total;
      errors[FIRST_KIND + at] = (probability - (at === kind ? 1 : 0)) * KIND_WEIGHT;
    }
    for (let output = 0; output < OUTPUTS; output += 1) errors[output]! *= weight;
  }

  #backward(
    signals: Float32Array,
    weight: number,
    residuals: Float32Array | null,
    topic: number,
  ): void {
    const { hidden } = this.#shape;
    const step = DENSE_STEP * this.pace;
    for (let unit = 0; unit < hidden; unit += 1) {
      let error = 0;
      if (this.#units[unit]! > 0)
        for (let output = 0; output < OUTPUTS; output += 1)
          error += this.#errors[output]! * this.second.values[output * hidden + unit]!;
      this.#unitErrors[unit] = error;
    }
    if (residuals !== null && this.#shape.solvers > 0)
      this.#learnResiduals(residuals, weight, step);
    if (topic >= 0 && this.#shape.topics > 0) this.#learnTopic(topic, weight, step);
    for (let output = 0; output < OUTPUTS; output += 1) {
      const error = this.#errors[output]!;
      if (error === 0) continue;
      for (let unit = 0; unit < hidden; unit += 1)
        if (this.#units[unit]! > 0)
          this.second.shrink(output * hidden + unit, error * this.#units[unit]!, RIDGE, step);
      for (let at = 0; at < signals.length; at += 1)
        if (signals[at] !== 0)
          this.direct.shrink(output * signals.length + at, error * signals[at]!, RIDGE, step);
    }
  }

  #learnResiduals(residuals: Float32Array, weight: number, step: number): void {
    const { hidden } = this.#shape;
    const share = this.#settings.residualWeight * weight;
    const stride = residuals.length > MANY_SOLVERS ? 4 : 2;
    const from = stride === 4 && this.chance() < 0.5 ? 2 : 0;
    for (let at = from; at < residuals.length; at += stride) {
      const solver = residuals[at]!;
      const error =
        (rowTimes(this.#solvers.values, solver, this.#units) - residuals[at + 1]!) * share;
      this.#pull(this.#solvers, solver * hidden, error, step);
    }
  }

  #learnTopic(topic: number, weight: number, step: number): void {
    const { hidden, topics } = this.#shape;
    const odds = this.#topicOdds;
    for (let at = 0; at < topics; at += 1)
      odds[at] = rowTimes(this.#topics.values, at, this.#units);
    const highest = odds.reduce((high, value) => Math.max(high, value), -Infinity);
    let total = 0;
    for (let at = 0; at < topics; at += 1) total += odds[at] = Math.exp(odds[at]! - highest);
    for (let at = 0; at < topics; at += 1) {
      const error =
        (odds[at]! / total - (at === topic ? 1 : 0)) * this.#settings.topicWeight * weight;
      if (Math.abs(error) > 1e-4) this.#pull(this.#topics, at * hidden, error, step);
    }
  }

  /** One linear reading of the hidden units: moves it, and adds its error to theirs. */
  #pull(reading: Parameters, from: number, error: number, step: number): void {
    for (let unit = 0; unit < this.#shape.hidden; unit += 1) {
      const active = this.#units[unit]!;
      if (active <= 0) continue;
      this.#unitErrors[unit]! += error * reading.values[from + unit]!;
      reading.move(from + unit, error * active, step);
    }
  }

  /** From the hidden units to the first matrix and the words that were read. */
  #spread(count: number, damping: number): void {
    const { width, hidden } = this.#shape;
    const inputs = this.#inputs;
    const errors = this.#wordErrors.fill(0);
    if (hidden === 0) errors.set(this.#errors);
    for (let unit = 0; unit < hidden; unit += 1) {
      const error = this.#unitErrors[unit]!;
      if (error === 0) continue;
      const from = unit * inputs.length;
      for (let at = 0; at < width; at += 1) errors[at]! += error * this.first.values[from + at]!;
      for (let at = 0; at < inputs.length; at += 1)
        if (inputs[at] !== 0)
          this.first.move(from + at, error * inputs[at]!, DENSE_STEP * this.pace);
    }
    for (let word = 0; word < count; word += 1) {
      const from = this.#rows[word]! * width;
      for (let at = 0; at < width; at += 1)
        if (errors[at] !== 0)
          this.embedding.move(from + at, errors[at]! * damping, WORD_STEP * this.pace);
    }
  }
}

function rowTimes(matrix: Float32Array, row: number, vector: Float32Array): number {
  let sum = 0;
  const from = row * vector.length;
  for (let at = 0; at < vector.length; at += 1) sum += matrix[from + at]! * vector[at]!;
  return sum;
}

function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}
