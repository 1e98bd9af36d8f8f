// How the beginning that prompts share is named, and what is said of a body that has none.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { nameShared } from "../../../../worker/cli/prefix-hash.ts";
import { promptTexts } from "../../../../worker/upstream/wire/prompt-texts.ts";

const SYSTEM = { role: "system", content: "Answer in one sentence. ".repeat(30) };
const WHY = { role: "user", content: "Why?" };
/** Long enough to be thinned, so that its message is many texts. */
const PICTURE = {
  role: "user",
  content: [
    { type: "image_url", image_url: { url: `data:image/png;base64,${"iVBORw0K".repeat(3_000)}` } },
  ],
};

const bodyOf = (...messages: unknown[]): string => JSON.stringify({ model: "auto", messages });

it("names what stands before the first user turn alike, whatever follows: a picture as well", () => {
  const named = nameShared(bodyOf(SYSTEM, WHY));
  expect(named).not.toBeNull();
  expect(nameShared(bodyOf(SYSTEM, PICTURE))).toEqual(named);
  expect(nameShared(bodyOf(SYSTEM, WHY, SYSTEM, PICTURE, WHY))).toEqual(named);
  expect(nameShared(bodyOf({ ...SYSTEM, content: `No. ${SYSTEM.content}` }, WHY))).not.toEqual(
    named,
  );
});

it("names a picture before the first user turn as the gateway reads it", () => {
  const body = bodyOf(SYSTEM, { ...PICTURE, role: "system" }, WHY);
  const { prefixUnits, prefixHash } = nameShared(body)!;
  const text = promptTexts(body).join("");
  expect(createHash("sha256").update(text.slice(0, prefixUnits)).digest("hex")).toBe(prefixHash);
  expect(prefixUnits).toBeGreaterThan(nameShared(bodyOf(SYSTEM, WHY))!.prefixUnits);
});

it.each([
  ["", "must be JSON"],
  ["null", 'an object with "messages"'],
  ["[]", 'an object with "messages"'],
  ["{}", '"messages" must be a list'],
  ['{"messages":"x"}', '"messages" must be a list'],
  ['{"messages":[null]}', '"messages.0" must be an object with a "role"'],
  [`{"messages":[${JSON.stringify(WHY)},{}]}`, '"messages.1" must be an object with a "role"'],
])("says of %j what is wrong", (body, said) => {
  expect(() => nameShared(body)).toThrow(said);
});
