// How far the outputs move when the same question is written otherwise: over a fixed sample of the fold test.
import { classify } from "../../classify.ts";
import type { Features } from "../../features.ts";
import type { Weights } from "../../weights.ts";
import { seededChance, shuffle } from "../chance.ts";
import { mean } from "../rank.ts";
import type { RecordedQuery } from "../recorded.ts";
import { figure, table } from "./markdown.ts";
import { REWRITINGS, type Rewriting } from "./rewritings.ts";
import { STATEMENTS } from "./statements.ts";

export const SAMPLE_SEED = 5;
const PER_SOURCE = 30;

/** So many of each source, so that no large one decides. */
export function sampleOf(queries: readonly RecordedQuery[]): RecordedQuery[] {
  const chance = seededChance(SAMPLE_SEED);
  const english = queries.filter(({ fold, lang }) => fold === "test" && lang !== "zh");
  return [...Map.groupBy(english, ({ source }) => source).values()].flatMap((own) => {
    const order = own.map((_, index) => index);
    shuffle(order, chance);
    return order.slice(0, PER_SOURCE).map((index) => own[index]!);
  });
}

interface Moved {
  readonly difficulty: number;
  readonly hard: number;
  readonly hasFlipped: boolean;
  readonly becameRight: number;
  readonly confidence: number;
}

export function robustnessTable(sample: readonly RecordedQuery[], weights: Weights): string {
  const plain = sample.map(({ text }) => classify(text, weights));
  const groups = Map.groupBy(REWRITINGS, ({ group, name }) =>
    group.startsWith("claims") ? group : `${group}: ${name}`,
  );
  const lines = [...groups].map(([name, rewritings]) => {
    const moved = rewritings.flatMap((rewriting) => moves(rewriting, sample, plain, weights));
    const signed = (by: "difficulty" | "hard"): string =>
      `${figure(mean(moved.map((move) => Math.abs(move[by]))))} / ${figure(
        high(
          moved.map((move) => Math.abs(move[by])),
          0.9,
        ),
      )} / ${figure(
        high(
          moved.map((move) => Math.abs(move[by])),
          1,
        ),
      )}`;
    return [
      name,
      String(moved.length),
      signed("difficulty"),
      signed("hard"),
      figure(mean(moved.map(({ hasFlipped }) => Number(hasFlipped)))),
      figure(mean(moved.map(({ becameRight }) => becameRight))),
      figure(mean(moved.map(({ confidence }) => confidence))),
    ];
  });
  return table(
    [
      "written otherwise",
      "questions",
      "difficulty moves: mean / 90 of 100 / most",
      "hard moves",
      "kind flips",
      "kind right, change",
      "confidence, change",
    ],
    lines,
  );
}

function moves(
  { write }: Rewriting,
  sample: readonly RecordedQuery[],
  plain: readonly Features[],
  weights: Weights,
): Moved[] {
  const chance = seededChance(SAMPLE_SEED);
  const moved: Moved[] = [];
  for (const [index, { text, kind4 }] of sample.entries()) {
    const written = write(text, chance);
    if (written === null) continue;
    const [before, after] = [plain[index]!, classify(written, weights)];
    moved.push({
      difficulty: after.difficulty - before.difficulty,
      hard: after.hard - before.hard,
      hasFlipped: after.kind !== before.kind,
      becameRight: Number(after.kind === kind4) - Number(before.kind === kind4),
      confidence: after.confidence - before.confidence,
    });
  }
  return moved;
}

function high(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, two) => one - two);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Own sentences, in groups: which kinds the probe gives them, how sure it is, and how hard it takes them for. */
export function statementsTable(weights: Weights): string {
  const lines = [...Map.groupBy(STATEMENTS, ({ group }) => group)].map(([group, own]) => {
    const said = own.map(({ text }) => classify(text, weights));
    const kinds = [...Map.groupBy(said, ({ kind }) => kind)].map(
      ([kind, those]) => `${kind} ${those.length}`,
    );
    const wanted = own[0]!.kind;
    return [
      group,
      String(own.length),
      wanted ?? "any",
      kinds.join(", "),
      `${figure(mean(said.map(({ confidence }) => confidence)))} (most ${figure(
        high(
          said.map(({ confidence }) => confidence),
          1,
        ),
      )})`,
      `${figure(mean(said.map(({ hard }) => hard)))} (${figure(
        high(
          said.map(({ hard }) => hard),
          0,
        ),
      )} to ${figure(
        high(
          said.map(({ hard }) => hard),
          1,
        ),
      )})`,
    ];
  });
  return table(["own sentences", "count", "kind wanted", "kind said", "confidence", "hard"], lines);
}
