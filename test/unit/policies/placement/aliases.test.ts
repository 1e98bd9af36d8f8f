// What a key in tokens may stand for: as many keys in units as a prompt's text makes of it, and no more than is bounded.
import { expect, it } from "vitest";
import {
  Aliases,
  ALIASES_MAX,
  UNITS_PER_TOKEN_KEY_MAX,
} from "../../../../policies/placement/aliases.ts";

const keys = (first: number, length: number) => Array.from({ length }, (_, i) => first + i);

it("a key in tokens stands for the last sixteen blocks in units, and what it stood for before is not known", () => {
  const aliases = new Aliases();
  aliases.learn(keys(1, 40), [77]);
  expect(aliases.unitsOf(77)).toEqual(keys(25, UNITS_PER_TOKEN_KEY_MAX));
  expect(aliases.tokenOf(24)).toBeUndefined();
  expect(aliases.tokenOf(25)).toBe(77);
  expect(aliases.size).toBe(UNITS_PER_TOKEN_KEY_MAX);
  aliases.learn([30], [77]);
  expect(aliases.unitsOf(77)).toHaveLength(UNITS_PER_TOKEN_KEY_MAX);
  aliases.learn([30], [78]);
  expect(aliases.unitsOf(77)).not.toContain(30);
  expect(aliases.unitsOf(78)).toEqual([30]);
});

it("no more is kept than that of however many prompts that end with one key in tokens", () => {
  const aliases = new Aliases();
  for (let first = 0; first < 8 * ALIASES_MAX; first += 16_384)
    aliases.learn(keys(first, 16_384), [77]);
  expect(aliases.size).toBe(UNITS_PER_TOKEN_KEY_MAX);
});
