// Outlines and skills in a prompt: found, judged against the item's named steps, and turned into
// what they do to the answer. One that names the item's own operations helps; one that names
// only others misleads; one that names none does nothing.
import type { Family, Item, StepName } from "./items/item.ts";
import type { Effect, Parameters } from "./parameters.ts";

type ElementKind = "outline" | "skill";
type Element = { readonly kind: ElementKind; readonly text: string };

/** "Outline:", "Useful skills for this kind:", "## Plan:", or a tag such as `<skills>`. */
const heading =
  /^[#*\s]*(?:(?:useful|relevant|helpful|suggested|known|possible|the|your|following|some) ){0,3}<?(outline|plan|sub-?questions|skills?|behaviou?rs?|hints?)\b[^:>\n]{0,60}[:>](.*)$/i;
const citedSkill = /^[-*\s]*behaviou?r_[a-z0-9_]+\s*:/i;

/** A handbook shows some tens of skills; what stands beyond is not read. */
const elementLinesMax = 200;

/** The words by which a line names an operation. */
const stepWords: Readonly<Record<StepName, RegExp>> = {
  add: /\b(?:add(?:s|ed|ing|ition)?|sum(?:s|med)?|plus)\b/i,
  subtract: /\b(?:subtract\w*|minus|tak(?:e|en|ing) away|difference)\b/i,
  multiply: /\b(?:multipl(?!ied out)\w*|times|product|double\w*)\b/i,
  divide: /\b(?:divi(?:de|des|ded|ding|sion)|quotient)\b/i,
  percentage: /\b(?:percent\w*|discount\w*|hundredths?)\b|%/i,
  rate: /\b(?:rate|speed|per hour|distance)\b/i,
  share: /\b(?:shar(?:e|es|ed|ing)|equal parts|equally)\b/i,
  convert: /\b(?:conver\w*|units?)\b/i,
  power: /\b(?:powers?|squar(?:e|ed|ing)|cub(?:e|ed|ing)|exponent\w*)\b(?! root)/i,
  root: /\broots?\b/i,
  expand: /\b(?:expand\w*|brackets?|parenthes[ei]s|multiply out|distribut\w*)\b/i,
  collect: /\b(?:collect\w*|like terms|same side|gather\w*)\b/i,
  isolate: /\b(?:isolat\w*|both sides|unknown alone|move the constant)\b/i,
};

const familyWords: Readonly<Record<Family, RegExp>> = {
  arithmetic: /\barithmetic\b|\border of operations\b/i,
  equation: /\bequations?\b/i,
  conversion: /\bunit conversions?\b/i,
  shopping: /\b(?:shopping|unit price|total cost)\b/i,
  travel: /\b(?:travel|journey)\b/i,
  sharing: /\bsharing\b/i,
  percentage: /\bpercentages?\b/i,
  ages: /\bages?\b/i,
  chain: /\b(?:running total|chain(?:ed)?|one change at a time)\b/i,
};

export function effectsOfElements(
  prompt: string,
  item: Item,
  table: Parameters["elements"],
): Effect[] {
  const elements = findElements(prompt);
  return (["outline", "skill"] as const).flatMap((kind) => {
    const judged = elements
      .filter((element) => element.kind === kind)
      .map((element) => judgeFit(element.text, item));
    if (judged.includes("fits")) return [table[kind === "outline" ? "outlineFits" : "skillFits"]];
    if (judged.includes("misleads"))
      return [table[kind === "outline" ? "outlineMisleads" : "skillMisleads"]];
    return [];
  });
}

/** The rule: it fits when it names the family or at least half of the different steps. */
export function judgeFit(text: string, item: Item): "fits" | "misleads" | "says nothing" {
  const own = new Set(item.steps);
  const named = (Object.keys(stepWords) as StepName[]).filter((step) => stepWords[step].test(text));
  const namedFamilies = (Object.keys(familyWords) as Family[]).filter((family) =>
    familyWords[family].test(text),
  );
  const hits = named.filter((step) => own.has(step)).length;
  if (namedFamilies.includes(item.family) || (hits > 0 && hits * 2 >= own.size)) return "fits";
  return hits === 0 && named.length + namedFamilies.length > 0 ? "misleads" : "says nothing";
}

/** An outline is judged as a whole, since its steps belong together; each skill on its own. */
export function findElements(prompt: string): Element[] {
  const elements: Element[] = [];
  let open: ElementKind | null = null;
  let outline = "";
  const close = (): void => {
    if (outline !== "") elements.push({ kind: "outline", text: outline });
    outline = "";
    open = null;
  };
  let read = 0;
  for (const line of prompt.split("\n")) {
    const head = heading.exec(line);
    if (head !== null) {
      close();
      open = /^(?:outline|plan|sub)/i.test(head[1] ?? "") ? "outline" : "skill";
    } else if (line.trim() === "") {
      close();
      continue;
    }
    const said = head === null ? line : (head[2] ?? "");
    const kind: ElementKind | null = open ?? (citedSkill.test(line) ? "skill" : null);
    if (kind === null || said.trim() === "") continue;
    read += 1;
    if (read > elementLinesMax) break;
    if (kind === "outline") outline += `${said}\n`;
    // A behaviour's own name is written with underscores, which would hide its words.
    else elements.push({ kind, text: said.replaceAll("_", " ") });
  }
  close();
  return elements;
}

/** The prompt without its elements, so that an outline's numbers are not read as the question. */
export function withoutElements(prompt: string): string {
  let inside = false;
  return prompt
    .split("\n")
    .filter((line) => {
      if (line.trim() === "") inside = false;
      else if (heading.test(line)) inside = true;
      return !inside && !citedSkill.test(line);
    })
    .join("\n");
}
