// From a surface to the facts that the choice may read.
import type { Shape } from "./features.ts";
import { cueHits, type Surface } from "./surface.ts";

export function shapeOf(surface: Surface): Shape {
  return {
    chars: surface.chars,
    stemChars: surface.stemChars,
    choices: surface.choices,
    digits: surface.digits,
    numbers: surface.numbers,
    operators: surface.operators,
    latex: surface.latexCommands > 0 || (surface.dollars >= 2 && surface.operators > 0),
    codeBlock: surface.fences >= 2 || surface.taggedFences > 0 || looksLikeCode(surface),
    steps: cueHits(surface, "steps"),
    procedural:
      cueHits(surface, "procedure") +
      cueHits(surface, "dates") +
      (cueHits(surface, "grid") > 1 ? 1 : 0),
  };
}

/** Code without a fence: indented lines and the signs of a program, and no LaTeX that would explain them. */
export function looksLikeCode(surface: Surface): boolean {
  return (
    surface.latexCommands === 0 &&
    surface.indented >= 1 &&
    surface.codeSigns >= 3 &&
    cueHits(surface, "code") >= 2
  );
}
