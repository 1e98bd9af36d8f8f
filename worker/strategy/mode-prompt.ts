// Asks for a reasoning format in words, as ARM's instruction-guided mode does for models that were not trained
// to its tags. The words are ours, so the fidelity is `approx`.
import type { Mode } from "../../policies/mode.ts";
import type { Draft, Strategy } from "./strategy.ts";

const PROMPTS: Readonly<Record<Mode, string | null>> = {
  // Said so that a request for an essay still gets its essay: what goes is the working, not the answer.
  direct: "Answer directly, without working it out in writing first.",
  short: "Think briefly, in a few short steps, then give the final answer.",
  code: "Reason by writing a short program for this, trace it by hand, and give the result. Say nothing that suggests it was run.",
  // Long is what a model does when its thinking is on; asking for it in words as well only lengthens the answer.
  long: null,
};

export const modePrompt: Strategy = {
  id: "mode-prompt",
  rewrite: (draft) => {
    if (draft.mode === null) return draft;
    const prompt = PROMPTS[draft.mode];
    if (prompt === null) return draft;
    const reason = reasonAgainst(draft);
    if (reason !== null) {
      return {
        ...draft,
        knobs: [...draft.knobs, { knob: "mode-prompt", fidelity: "off", reason }],
      };
    }
    return {
      ...draft,
      turnNotes: [...draft.turnNotes, prompt],
      knobs: [
        ...draft.knobs,
        {
          knob: "mode-prompt",
          fidelity: "approx",
          reason: `asked for the ${draft.mode} format in words`,
        },
      ],
    };
  },
};

/** A prompt about the form of an answer must not fight what the client says about that form. */
function reasonAgainst(draft: Draft): string | null {
  // Such a prompt stands behind the last user turn, so without one nothing would be asked.
  if (draft.ask.query === "" && draft.ask.unseenParts === 0)
    return "there is no user turn that it could follow";
  if (draft.ask.isConstrained)
    return "the client constrains the answer's form, which a prompt about form would fight";
  if (draft.ask.hasTools)
    return "the client offers tools, whose calls a prompt about form would fight";
  return null;
}
