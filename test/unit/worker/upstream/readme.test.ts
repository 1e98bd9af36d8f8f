// The engines' README names every engine with the field that bounds its answers, and its example is a catalog. What it
// says is not spoken is sent by nobody but the client.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseCatalog } from "../../../../policies/catalog.ts";
import { ENGINES } from "../../../../worker/cli/one-upstream.ts";
import { engineOf } from "../../../../worker/upstream/table.ts";
import { send } from "./a-ceiling.ts";

const readme = readFileSync(
  join(import.meta.dirname, "..", "..", "..", "..", "worker", "upstream", "README.md"),
  "utf8",
);

it.each([...ENGINES])("has a row for %s that says what bounds its answers", (id) => {
  const row = readme.split("\n").find((line) => line.startsWith(`| \`${id}\` |`));
  const { capField = "max_tokens", readsEitherCapField = false } = engineOf(id);
  const bound = !readsEitherCapField ? `\`${capField}\`` : id === "generic" ? "what the" : "either";
  expect(row?.split("|").at(-2)?.trim().startsWith(bound)).toBe(true);
});

it("shows an example that is a catalog", () => {
  const example = /```json\n([^]*?)```/.exec(readme)?.[1] ?? "";
  const parsed = parseCatalog(JSON.parse(example));
  expect(parsed).toMatchObject({ kind: "parsed" });
});

const UNSPOKEN = {
  continue_final_message: true,
  add_generation_prompt: false,
  logprob_token_ids: [9000, 20_000],
  service_tier: "flex",
  output_config: { effort: "low" },
};

it.each([...ENGINES])(
  "lists what is not spoken to %s: a client's own passes, the place in a queue does not",
  (id) => {
    for (const field of [...Object.keys(UNSPOKEN), "priority"]) expect(readme).toContain(field);
    const { text } = send(id, { fields: { ...UNSPOKEN, priority: -1 } });
    expect(text).toContain(JSON.stringify(UNSPOKEN).slice(1, -1));
    expect(text).not.toContain("priority");
  },
);
