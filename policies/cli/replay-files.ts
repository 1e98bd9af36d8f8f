// Reads recorded questions and outcomes for `replay`: JSON Lines, plain or gzipped. A line ends at \n and nowhere else, and
// is cut from bytes: a file unpacked may be longer than a string can be.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { withoutMark } from "../../classifiers/cli/query-lines.ts";
import type { Features } from "../../classifiers/features.ts";
import type { Run, RecordedQuestion } from "../replay/question.ts";
import { expectOf, keyOf, type RecordedArm } from "../replay/recorded-arm.ts";

export interface Recorded {
  readonly questions: readonly RecordedQuestion[];
  /** Questions that lack an outcome of some arm, and runs whose tokens were not recorded. */
  readonly dropped: number;
  readonly unmeasured: number;
}

/** What went wrong and where, for a person at a terminal. */
export class BadFile extends Error {}

/** Characters of recorded text that stand for a token, where only they were recorded. */
const CHARS_PER_TOKEN = 4;

interface Seen {
  correct: number;
  tokens: number;
  samples: number;
  tokenSamples: number;
}

/** `openProbe` is asked when both files were read, so that what is wrong with them is said first. Throws BadFile. */
export function readRecorded(
  queriesFile: string,
  outcomesFile: string,
  arms: readonly RecordedArm[],
  openProbe: () => (text: string) => Features,
): Recorded {
  const texts = readTexts(queriesFile);
  const seen = readOutcomes(outcomesFile, arms, texts);
  const complete = [...texts].flatMap(([id, text]) => {
    const runs = seen.get(id);
    const isComplete = arms.every((_, index) => runs?.[index] !== undefined);
    return runs !== undefined && isComplete ? [{ id, text, runs: runs as readonly Seen[] }] : [];
  });
  if (complete.length === 0)
    throw new BadFile(
      `no question of ${queriesFile} has an outcome of every arm in ${outcomesFile}: its "id" must be in both`,
    );
  const probe = openProbe();
  let unmeasured = 0;
  const questions = complete.map(({ id, text, runs }): RecordedQuestion => {
    const features = probe(text);
    const made = arms.map((arm, index): Run => {
      const { correct, tokens, samples, tokenSamples } = runs[index]!;
      const isMeasured = tokenSamples > 0;
      if (!isMeasured) unmeasured += 1;
      const outputTokens = isMeasured
        ? tokens / tokenSamples
        : expectOf(arm, features).outputTokens;
      return { correct: correct / samples, outputTokens, isMeasured };
    });
    return { id, chars: text.length, features, runs: made };
  });
  return { questions, dropped: texts.size - questions.length, unmeasured };
}

function readTexts(file: string): Map<string, string> {
  const texts = new Map<string, string>();
  eachLine(file, (line, number) => {
    const { id, text } = parse(line, file, number);
    if (!isId(id)) throw new BadFile(`${file}, line ${number}: "id" must be text or a number`);
    if (typeof text !== "string") throw new BadFile(`${file}, line ${number}: "text" must be text`);
    if (texts.has(String(id)))
      throw new BadFile(`${file}, line ${number}: the "id" ${String(id)} was there before`);
    texts.set(String(id), text);
  });
  if (texts.size === 0) throw new BadFile(`${file} holds no questions`);
  return texts;
}

function readOutcomes(
  file: string,
  arms: readonly RecordedArm[],
  texts: ReadonlyMap<string, string>,
): Map<string, (Seen | undefined)[]> {
  const armAt = new Map(arms.map((arm, index) => [keyOf(arm), index]));
  const seen = new Map<string, (Seen | undefined)[]>();
  const found = new Set<number>();
  let lines = 0;
  eachLine(file, (line, number) => {
    lines += 1;
    const { id, model, mode, correct, out_tokens, out_chars } = parse(line, file, number);
    if (!isId(id)) throw new BadFile(`${file}, line ${number}: "id" must be text or a number`);
    if (typeof model !== "string" || typeof mode !== "string")
      throw new BadFile(`${file}, line ${number}: "model" and "mode" must be text`);
    const arm = armAt.get(keyOf({ model, mode }));
    // A run without a verdict, as the data has them for talk, tells nothing here.
    if (arm === undefined || correct === undefined || correct === null) return;
    found.add(arm);
    if (!texts.has(String(id))) return;
    if (typeof correct !== "number" || !(correct >= 0 && correct <= 1))
      throw new BadFile(`${file}, line ${number}: "correct" must be a number from 0 to 1`);
    const runs = seen.get(String(id)) ?? new Array<Seen | undefined>(arms.length);
    seen.set(String(id), runs);
    const run = (runs[arm] ??= { correct: 0, tokens: 0, samples: 0, tokenSamples: 0 });
    // A question that one arm ran more than once counts with the mean of its runs.
    run.correct += correct;
    run.samples += 1;
    const tokens = isCount(out_tokens)
      ? out_tokens
      : isCount(out_chars)
        ? out_chars / CHARS_PER_TOKEN
        : null;
    if (tokens === null) return;
    run.tokens += tokens;
    run.tokenSamples += 1;
  });
  if (lines === 0) throw new BadFile(`${file} holds no outcomes`);
  const missing = arms.filter((_, index) => !found.has(index));
  if (missing.length > 0) {
    const names = missing.map(({ arm, model, mode }) => `${arm} (model ${model}, mode ${mode})`);
    throw new BadFile(
      `${file} has no outcome of ${names.join(", ")}: "model" and "mode" of an arm must be those of the outcomes`,
    );
  }
  return seen;
}

const NEWLINE = 10;
const GZIP = [0x1f, 0x8b];

function eachLine(file: string, take: (line: string, number: number) => void): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
    if (bytes[0] === GZIP[0] && bytes[1] === GZIP[1]) bytes = gunzipSync(bytes);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new BadFile(`cannot read ${file} (${code})`);
  }
  let number = 0;
  for (let from = 0; from < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline;
    number += 1;
    const whole = bytes.toString("utf8", from, to);
    const line = from === 0 ? withoutMark(whole) : whole;
    if (line.trim() !== "") take(line, number);
    from = to + 1;
  }
}

function parse(line: string, file: string, number: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Which character is wrong does not matter to the caller: the line's number does.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new BadFile(`${file}, line ${number}: not a JSON object`);
  return value as Readonly<Record<string, unknown>>;
}

function isId(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}
