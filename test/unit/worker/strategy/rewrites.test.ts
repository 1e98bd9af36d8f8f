// What the rewriting strategies change in a draft, and where they hold back.
import { describe, expect, it } from "vitest";
import type { Mode } from "../../../../policies/mode.ts";
import { diffadapt } from "../../../../worker/strategy/diffadapt.ts";
import { modePrompt } from "../../../../worker/strategy/mode-prompt.ts";
import type { Draft } from "../../../../worker/strategy/strategy.ts";
import { strategyOf } from "../../../../worker/strategy/table.ts";
import { askFor, rungOf } from "../a-request.ts";

function draftOf(fields: object = {}, mode: Mode | null = "short"): Draft {
  const ask = askFor(fields);
  return {
    ask,
    mode,
    notes: ["first"],
    turnNotes: [],
    temperature: null,
    effort: null,
    outputTokens: ask.outputTokensMax ?? 1000,
    knobs: [],
  };
}

const rung = rungOf("small", "short", "utility", [], {
  temperature: 0.5,
  budgetFraction: 0.4,
  outputTokensMax: 400,
  effort: null,
  tier: "text",
});

describe("the mode prompt", () => {
  const rewrite = (draft: Draft): Draft => modePrompt.rewrite?.(draft, rung) ?? draft;

  it.each(["direct", "short", "code"] as const)(
    "asks for the %s format in words that every turn may carry",
    (mode) => {
      const draft = rewrite(draftOf({}, mode));
      expect(draft.turnNotes).toHaveLength(1);
      expect(draft.notes).toEqual(["first"]);
      expect(draft.knobs).toEqual([
        expect.objectContaining({ knob: "mode-prompt", fidelity: "approx" }),
      ]);
    },
  );

  it.each(["long", null] as const)("says nothing for %s", (mode) => {
    const draft = draftOf({}, mode);
    expect(rewrite(draft)).toBe(draft);
  });

  it.each([
    { name: "a JSON schema", fields: { response_format: { type: "json_schema" } } },
    { name: "a grammar", fields: { guided_regex: "a" } },
    { name: "tools", fields: { tools: [{ type: "function" }] } },
    { name: "no user turn", fields: { messages: [{ role: "system", content: "S" }] } },
    {
      name: "a user turn without content",
      fields: { messages: [{ role: "user", content: null }] },
    },
  ])("holds back before $name, and says so", ({ fields }) => {
    const draft = rewrite(draftOf(fields));
    expect(draft.turnNotes).toEqual([]);
    expect(draft.knobs).toEqual([
      expect.objectContaining({ knob: "mode-prompt", fidelity: "off" }),
    ]);
  });

  it.each([
    { name: "a form of text", fields: { response_format: { type: "text" } } },
    { name: "an empty list of tools", fields: { tools: [] } },
    {
      name: "a picture alone",
      fields: {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: { url: "https://x/y" } }] },
        ],
      },
    },
  ])("does not hold back before $name", ({ fields }) => {
    expect(rewrite(draftOf(fields)).turnNotes).toHaveLength(1);
  });
});

describe("diffadapt", () => {
  const rewrite = (draft: Draft): Draft => diffadapt.rewrite?.(draft, rung) ?? draft;

  it("sets the class's temperature and share where the client left both open", () => {
    expect(rewrite(draftOf())).toMatchObject({ temperature: 0.5, outputTokens: 400 });
  });

  it("leaves a temperature and a bound that the client set", () => {
    expect(rewrite(draftOf({ temperature: 0 }))).toMatchObject({
      temperature: null,
      outputTokens: 400,
    });
    expect(rewrite(draftOf({ max_tokens: 1000 }))).toMatchObject({
      temperature: 0.5,
      outputTokens: 1000,
    });
  });

  it("never widens a cap that is narrower than the share, and says when it narrows one", () => {
    expect(rewrite({ ...draftOf(), outputTokens: 100 })).toMatchObject({
      outputTokens: 100,
      knobs: [],
    });
    expect(rewrite(draftOf()).knobs).toEqual([
      expect.objectContaining({ knob: "output-cap", fidelity: "proxy" }),
    ]);
  });

  it("is exact where the class was read from the model's hidden state", () => {
    const read = { ...rung, settings: { ...rung.settings, tier: "hidden-state" as const } };
    expect(diffadapt.rewrite?.(draftOf(), read).knobs).toEqual([
      {
        knob: "output-cap",
        fidelity: "exact",
        reason:
          "DiffAdapt's share for a class read from the model's hidden state: 400 of 1000 output tokens",
      },
    ]);
  });
});

describe("the table of strategies", () => {
  it("finds each by its id, and nothing by another", () => {
    expect(["mode-prompt", "diffadapt", "outline"].map((id) => strategyOf(id)?.id)).toEqual([
      "mode-prompt",
      "diffadapt",
      "outline",
    ]);
    for (const id of ["", "toString", "Outline"]) expect(strategyOf(id)).toBeNull();
  });
});
