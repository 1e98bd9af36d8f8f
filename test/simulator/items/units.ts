// The units that conversions know: each in the base unit of its dimension, by every name that people give it. Of cups,
// gallons and their like the American ones are meant, as most who ask mean them.
export type Unit = {
  readonly dimension: string;
  readonly factor: number;
  /** What the base unit shows at this unit's zero: only temperatures have one. */
  readonly offset: number;
};

const rows: readonly (readonly [
  names: string,
  dimension: string,
  factor: number,
  offset?: number,
])[] = [
  ["mm millimetre millimetres millimeter millimeters", "length", 0.001],
  ["cm centimetre centimetres centimeter centimeters", "length", 0.01],
  ["m metre metres meter meters", "length", 1],
  ["km kms kilometre kilometres kilometer kilometers", "length", 1000],
  ["inch inches", "length", 0.0254],
  ["ft foot feet", "length", 0.3048],
  ["yd yard yards", "length", 0.9144],
  ["mi mile miles", "length", 1609.344],
  ["mg milligram milligrams", "mass", 0.001],
  ["g gram grams gramme grammes", "mass", 1],
  ["kg kgs kilo kilos kilogram kilograms", "mass", 1000],
  ["tonne tonnes", "mass", 1_000_000],
  ["oz ounce ounces", "mass", 28.349523125],
  ["lb lbs pound pounds", "mass", 453.59237],
  ["stone stones", "mass", 6350.29318],
  ["ml millilitre millilitres milliliter milliliters", "volume", 0.001],
  ["cl centilitre centilitres centiliter centiliters", "volume", 0.01],
  ["dl decilitre decilitres deciliter deciliters", "volume", 0.1],
  ["l litre litres liter liters", "volume", 1],
  ["tsp teaspoon teaspoons", "volume", 0.00492892159375],
  ["tbsp tablespoon tablespoons", "volume", 0.01478676478125],
  ["cup cups", "volume", 0.2365882365],
  ["pint pints", "volume", 0.473176473],
  ["quart quarts", "volume", 0.946352946],
  ["gallon gallons", "volume", 3.785411784],
  ["ms millisecond milliseconds", "time", 0.001],
  ["s second seconds sec secs", "time", 1],
  ["min mins minute minutes", "time", 60],
  ["h hr hrs hour hours", "time", 3600],
  ["day days", "time", 86_400],
  ["week weeks", "time", 604_800],
  ["fortnight fortnights", "time", 1_209_600],
  ["month months", "calendar", 1],
  ["year years", "calendar", 12],
  ["decade decades", "calendar", 120],
  ["century centuries", "calendar", 1200],
  ["kelvin kelvins k", "temperature", 1, 0],
  ["celsius centigrade c", "temperature", 1, 273.15],
  ["fahrenheit f", "temperature", 5 / 9, 459.67 * (5 / 9)],
  ["bit bits", "data", 1],
  ["byte bytes", "data", 8],
];

const unitByName = new Map<string, Unit>(
  rows.flatMap(([names, dimension, factor, offset = 0]) =>
    names.split(" ").map((name) => [name, { dimension, factor, offset }] as const),
  ),
);

export function findUnit(name: string): Unit | null {
  return unitByName.get(name) ?? null;
}

/** An amount of one unit in another of the same dimension, or null when they measure different things. */
export function convertAmount(amount: number, from: string, to: string): number | null {
  const [source, target] = [findUnit(from), findUnit(to)];
  if (source === null || target === null || source.dimension !== target.dimension) return null;
  return (amount * source.factor + source.offset - target.offset) / target.factor;
}
