// JSON on request: any object, or one that satisfies a JSON schema. The answer goes into the
// first property whose name asks for it; everything else gets a plausible value of its type.
import { isFields } from "./chat-request.ts";

/** Schemas may refer to themselves; deeper than this the optional parts are left out. */
const depthMax = 8;
/** More elements than anybody's `minItems` in a test, so that a schema cannot ask for a flood. */
const elementsMax = 16;

const answerName = /^(?:final_?)?(?:answer|result|value|solution|total)$/i;

export type Filling = {
  readonly answer: string;
  readonly words: readonly string[];
  /** What goes into arrays of text: the steps of an item, or nothing. */
  readonly steps: readonly string[];
};

export function writeJson(schema: unknown, filling: Filling): string {
  if (schema === null) return JSON.stringify({ answer: numberOr(filling.answer) });
  return JSON.stringify(fill(schema, schema, filling, "", 0));
}

function fill(
  schema: unknown,
  root: unknown,
  filling: Filling,
  name: string,
  depth: number,
): unknown {
  if (!isFields(schema) || depth > depthMax) return null;
  const reference = schema["$ref"];
  if (typeof reference === "string")
    return fill(resolve(reference, root), root, filling, name, depth + 1);
  if ("const" in schema) return schema["const"];
  const choices = schema["enum"];
  if (Array.isArray(choices)) return choices.includes(filling.answer) ? filling.answer : choices[0];
  for (const keyword of ["anyOf", "oneOf", "allOf"]) {
    const branches = schema[keyword];
    if (Array.isArray(branches)) return fill(branches[0], root, filling, name, depth + 1);
  }
  const declared = schema["type"];
  const type: unknown = Array.isArray(declared)
    ? declared.find((kind) => kind !== "null")
    : (declared ?? (schema["properties"] ? "object" : "string"));
  switch (type) {
    case "object":
      return fillObject(schema, root, filling, depth);
    case "array":
      return fillArray(schema, root, filling, name, depth);
    case "integer":
      return withinBounds(
        schema,
        Math.round(answerName.test(name) ? numberAtLeast(filling.answer) : 1),
      );
    case "number":
      return withinBounds(schema, answerName.test(name) ? numberAtLeast(filling.answer) : 1);
    case "boolean":
      return true;
    case "null":
      return null;
    default:
      return fillText(schema, filling, name);
  }
}

function fillObject(
  schema: Readonly<Record<string, unknown>>,
  root: unknown,
  filling: Filling,
  depth: number,
): unknown {
  const properties = isFields(schema["properties"]) ? schema["properties"] : {};
  const required: unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const wanted = Object.entries(properties).filter(
    ([key]) => depth < depthMax / 2 || required.includes(key),
  );
  return Object.fromEntries(
    wanted.map(([key, inner]) => [key, fill(inner, root, filling, key, depth + 1)]),
  );
}

function fillArray(
  schema: Readonly<Record<string, unknown>>,
  root: unknown,
  filling: Filling,
  name: string,
  depth: number,
): unknown {
  const least = typeof schema["minItems"] === "number" ? schema["minItems"] : 1;
  const most = typeof schema["maxItems"] === "number" ? schema["maxItems"] : elementsMax;
  const length = Math.min(Math.max(least, Math.max(1, filling.steps.length)), most, elementsMax);
  return Array.from({ length }, (_, index) =>
    fill(
      schema["items"] ?? { type: "string" },
      root,
      {
        ...filling,
        words: [
          filling.steps[index] ??
            filling.words[index % Math.max(1, filling.words.length)] ??
            "text",
        ],
      },
      name,
      depth + 1,
    ),
  );
}

function fillText(
  schema: Readonly<Record<string, unknown>>,
  filling: Filling,
  name: string,
): string {
  const least = typeof schema["minLength"] === "number" ? Math.min(schema["minLength"], 4_096) : 0;
  const most = typeof schema["maxLength"] === "number" ? schema["maxLength"] : 4_096;
  if (schema["format"] === "date") return "2026-01-15";
  if (schema["format"] === "date-time") return "2026-01-15T12:00:00Z";
  const text = answerName.test(name) ? filling.answer : (filling.words.at(-1) ?? "text");
  return text.padEnd(least, ".").slice(0, most);
}

function withinBounds(schema: Readonly<Record<string, unknown>>, value: number): number {
  const low = typeof schema["minimum"] === "number" ? schema["minimum"] : -Infinity;
  const high = typeof schema["maximum"] === "number" ? schema["maximum"] : Infinity;
  return Math.min(high, Math.max(low, value));
}

function resolve(reference: string, root: unknown): unknown {
  let found = root;
  for (const part of reference.replace(/^#\/?/, "").split("/").filter(Boolean)) {
    found = isFields(found) ? found[part.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  }
  return found;
}

function numberAtLeast(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) ? value : 1;
}

function numberOr(text: string): number | string {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
