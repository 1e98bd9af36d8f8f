// Compares targets: in turn within each round, so that a machine that slows down slows all of them, and each round's
// figure against the floor's of the same round, so that a slow round spoils no ratio.
import { bodyOf, SHAPES, type Shape } from "./bodies.ts";
import { spreadOf, type Spread, type Target } from "./load.ts";

export interface Cell extends Spread {
  /** Against the first target, round by round. */
  readonly against: Spread;
}

/** By target's name and shape; the first target is the floor. */
export type Table = Readonly<Record<string, Readonly<Record<Shape, Cell>>>>;

/** Round 0 warms the targets up and is not counted. `against` says how a figure stands to the floor's. */
export async function compare(
  targets: readonly Target[],
  rounds: number,
  measure: (target: Target, body: string, isWarmUp: boolean) => Promise<number>,
  against: (figure: number, floor: number) => number,
): Promise<Table> {
  const found = new Map<string, number[]>();
  const key = (target: Target, shape: Shape): string => `${target.name}\n${shape}`;
  for (let round = 0; round <= rounds; round += 1) {
    for (const shape of SHAPES) {
      for (const target of targets) {
        const figure = await measure(target, bodyOf(shape, target.model), round === 0);
        if (round === 0) continue;
        found.set(key(target, shape), [...(found.get(key(target, shape)) ?? []), figure]);
      }
    }
  }
  const [floor] = targets;
  if (floor === undefined) return {};
  return Object.fromEntries(
    targets.map((target) => [
      target.name,
      Object.fromEntries(
        SHAPES.map((shape) => {
          const figures = found.get(key(target, shape)) ?? [];
          const floors = found.get(key(floor, shape)) ?? [];
          const stands = figures.map((figure, at) => against(figure, floors[at] ?? Number.NaN));
          return [shape, { ...spreadOf(figures), against: spreadOf(stands) }];
        }),
      ) as Record<Shape, Cell>,
    ]),
  );
}

export function ratio(figure: number, floor: number): number {
  return figure / floor;
}

export function difference(figure: number, floor: number): number {
  return figure - floor;
}
