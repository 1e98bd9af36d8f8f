// Outline first: one short call lists the steps, a second answers along them. After Plan-and-Budget's planner pass
// (arXiv 2505.16122), without its allocation. Worth its extra call on long problems only, so a policy has to name it.
import { collect } from "../call-deltas.ts";
import type { Strategy } from "./strategy.ts";

/** An outline of a handful of steps; the planner pass must stay small beside what it saves. */
const OUTLINE_TOKENS_MAX = 200;

export const outline: Strategy = {
  id: "outline",
  async drive(ask, _ladder, call) {
    const planned = await call({
      purpose: "outline",
      isStream: false,
      notes: [
        "Before solving anything, list the steps that a solution needs, one short line each. Do not solve them.",
      ],
      outputTokens: OUTLINE_TOKENS_MAX,
    });
    // An outline is a help and not a need: when it cannot be had, the question is answered without.
    const plan = planned.kind === "failed" ? planned : await collect(planned.call);
    const steps = plan.kind === "failed" ? "" : plan.text.trim();
    const answered = await call({
      purpose: "answer",
      isStream: ask.isStream,
      notes: steps === "" ? [] : [`Outline:\n${steps}`],
    });
    return answered.kind === "failed" ? answered : { kind: "relay", call: answered.call };
  },
};
