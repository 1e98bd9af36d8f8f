// Writes questions with known answers, as many as a bench needs, in our own words. The answer
// comes from the same reader that the simulator uses, so a question it cannot read throws here
// and not in the middle of a measurement.
import { drawInteger, drawOne } from "../chance.ts";
import { formatNumber, type Family, type Item } from "./item.ts";
import { recogniseItem } from "./recognise.ts";

export type GeneratedItem = Item & { readonly text: string };

/** 0 steps ask for a trivial item; 9 reach the end of the difficulty scale. */
export const generatedStepsMax = 9;

const names = ["Mira", "Omar", "Lena", "Tariq", "Ines", "Jonas", "Aiko", "Pavel"] as const;
const goods = ["notebooks", "lamps", "baskets", "scarves", "kettles", "ropes"] as const;

export function generateItem(seed: number, family: Family, steps: number): GeneratedItem {
  if (!Number.isInteger(steps) || steps < 0 || steps > generatedStepsMax) {
    throw new RangeError(`steps must be 0 to ${generatedStepsMax}, got ${steps}`);
  }
  const text = write(`${seed}|${family}|${steps}`, family, steps);
  const item = recogniseItem(text);
  if (item === null || item.family !== family)
    throw new Error(`the reader missed a generated item: ${text}`);
  return { ...item, text };
}

function write(key: string, family: Family, steps: number): string {
  const draw = (name: string, low: number, high: number): number =>
    drawInteger(`${key}|${name}`, low, high);
  const plain = steps === 0;
  const name = drawOne(`${key}|name`, names);
  const thing = drawOne(`${key}|thing`, goods);
  switch (family) {
    case "arithmetic":
      return `What is ${writeSum(key, steps)}?`;
    case "equation":
      return `Solve for x: ${writeEquation(key, steps)}`;
    case "conversion":
      return writeConversion(key, steps);
    case "shopping": {
      const [count, price] = plain
        ? [draw("a", 2, 9), draw("b", 2, 9)]
        : [draw("a", 13, 48), draw("b", 13, 39)];
      return `${name} buys ${count} ${thing} at ${price} euros each. ${writeChanges(key, count * price, steps - 1)}How much is the total now, in euros?`;
    }
    case "travel": {
      const [speed, hours] = plain
        ? [draw("a", 3, 12), draw("b", 2, 6)]
        : [draw("a", 35, 95), draw("b", 3, 14)];
      return `A van drives at ${speed} km per hour for ${hours} hours. Call that distance the total. ${writeChanges(key, speed * hours, steps - 1)}How many km is the total now?`;
    }
    case "sharing": {
      const parts = plain ? draw("a", 2, 4) : draw("a", 6, 24);
      const each = plain ? draw("b", 2, 3) : draw("b", 14, 60);
      return `${parts * each} beads are shared equally among ${parts} children. Call one child's beads the total. ${writeChanges(key, each, steps - 1)}How many is the total now?`;
    }
    case "percentage": {
      // A trivial percentage stays within the numbers known by heart.
      const rate = plain ? 10 : draw("a", 1, 9) * 10;
      const price = plain ? 10 : draw("b", 4, 60) * 10;
      return `A shop takes ${rate} percent off a coat that costs ${price} euros. ${writeChanges(key, price * (1 - rate / 100), steps - 1)}How much is the total now, in euros?`;
    }
    case "ages": {
      const [age, times] = plain ? [draw("a", 3, 12), 2] : [draw("a", 13, 29), draw("b", 2, 4)];
      return `${name} is ${age} years old. A neighbour is ${times} times as old. Call the neighbour's age the total. ${writeChanges(key, age * times, steps - 1)}How many is the total now?`;
    }
    case "chain": {
      const start = plain ? draw("a", 5, 12) : draw("a", 40, 95);
      const first = plain
        ? `Then ${draw("b", 2, 9)} more are added. `
        : writeChanges(key, start, Math.max(1, steps));
      return `A store room holds ${start} crates. ${first}How many crates is the total now?`;
    }
  }
}

/** Sentences that each change the total by one step and keep it a whole number where it was one. */
function writeChanges(key: string, start: number, count: number): string {
  let total = start;
  let text = "";
  for (let index = 0; index < count; index += 1) {
    const draw = (name: string, low: number, high: number): number =>
      drawInteger(`${key}|${index}|${name}`, low, high);
    const divisor = [2, 3, 4, 5].find(
      (candidate) => Number.isInteger(total / candidate) && total / candidate > 20,
    );
    const kind = drawInteger(`${key}|${index}|kind`, 0, 5);
    if (kind === 0 && divisor !== undefined) {
      total /= divisor;
      text += `Then the total is split into ${divisor} equal parts and one part is kept. `;
    } else if (kind === 1 && Number.isInteger(total / 10)) {
      total *= 0.9;
      text += "Then 10 percent of the total is removed. ";
    } else if (kind === 2 && total < 400) {
      total *= 2;
      text += "Then the total doubles. ";
    } else if (kind === 3 && total < 200) {
      const by = draw("by", 3, 4);
      total *= by;
      text += `Then the total is multiplied by ${by}. `;
    } else if (kind === 4 && total > 45) {
      const amount = draw("less", 13, 39);
      total -= amount;
      text += `Then ${amount} are taken away. `;
    } else {
      const amount = draw("more", 13, 88);
      total += amount;
      text += `Then ${amount} more are added. `;
    }
  }
  return text;
}

function writeSum(key: string, steps: number): string {
  if (steps === 0) return `${drawInteger(`${key}|a`, 2, 9)} + ${drawInteger(`${key}|b`, 2, 9)}`;
  let text = String(drawInteger(`${key}|a`, 14, 96));
  for (let index = 0; index < steps; index += 1) {
    const operator = drawOne(`${key}|${index}|operator`, ["+", "-", "*"] as const);
    const operand = drawInteger(`${key}|${index}|operand`, 13, operator === "*" ? 19 : 97);
    const grouped =
      index > 0 && operator === "*" && drawInteger(`${key}|${index}|group`, 0, 2) === 0;
    text = grouped ? `(${text}) * ${operand}` : `${text} ${operator} ${operand}`;
  }
  return text;
}

/** Steps: divide, isolate, then a collect (and an expand) for each further occurrence of x. */
function writeEquation(key: string, steps: number): string {
  const draw = (name: string, low: number, high: number): number =>
    drawInteger(`${key}|${name}`, low, high);
  const x = draw("x", 3, 40);
  if (steps === 0) return `x + ${draw("b", 1, 6)} = ${draw("c", 7, 12)}`;
  const b = draw("b", 13, 60);
  if (steps === 1) return `x + ${b} = ${x + b}`;
  let a = draw("a", 21, 29);
  let left = `${a}x + ${b}`;
  let slope = a;
  let constant = b;
  let right = "";
  let rightSlope = 0;
  let rightConstant = 0;
  for (let spent = 2; spent < steps;) {
    a = draw(`a${spent}`, 2, 3);
    if (steps - spent >= 2) {
      const inner = draw(`b${spent}`, 2, 9);
      left += ` + ${a}(x + ${inner})`;
      slope += a;
      constant += a * inner;
      spent += 2;
    } else {
      right = `${a}x + `;
      rightSlope = a;
      spent += 1;
    }
  }
  rightConstant = slope * x + constant - rightSlope * x;
  return `${left} = ${right}${formatNumber(rightConstant)}`;
}

/** Each quantity in another unit is a conversion, each further quantity also an addition. */
function writeConversion(key: string, steps: number): string {
  if (steps === 0) return `How many minutes are in ${drawInteger(`${key}|a`, 1, 9)} hours?`;
  const ladder = drawOne(`${key}|ladder`, [
    { target: "metres", unit: "m", others: ["km", "cm", "mm"] },
    { target: "grams", unit: "g", others: ["kg", "mg", "tonnes"] },
    { target: "seconds", unit: "seconds", others: ["hours", "minutes", "days"] },
  ] as const);
  const parts: string[] = [];
  for (let spent = 0; spent < steps;) {
    const amount = drawInteger(`${key}|${spent}`, 13, 95);
    const last = parts.length > 0 && steps - spent === 1;
    parts.push(`${amount} ${last ? ladder.unit : drawOne(`${key}|${spent}|unit`, ladder.others)}`);
    spent += parts.length === 1 || last ? 1 : 2;
  }
  return `How many ${ladder.target} are ${parts.join(" and ")}?`;
}
