// One call under a policy's ceiling on thinking, from a client's fields to the body that goes out and what is said of it.
import type { Capability } from "../../../../policies/catalog.ts";
import type { Mode } from "../../../../policies/mode.ts";
import { finish, prepare, type Preparation } from "../../../../worker/prepare.ts";
import { strategyOf } from "../../../../worker/strategy/table.ts";
import { askFor, catalogOf, holdOf, policyOf, rungOf } from "../a-request.ts";
import { CEILING_TOKENS, ENGINES } from "./ceiling-aliases.ts";

const ORDER = { purpose: "answer" };
export const DIRECT_TOKENS = 1000;
export const CAP_TOKENS = { direct: DIRECT_TOKENS, short: 1000, code: 1000, long: 30_000 };

interface Given {
  readonly fields?: object;
  readonly mode?: Mode | null;
  readonly tokens?: number;
  readonly model?: object;
  readonly has?: readonly Capability[];
  readonly policy?: object;
}

export interface Sent {
  readonly preparation: Preparation;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly knobs: Readonly<Record<string, string>>;
}

export function send(engine: string, given: Given = {}): Sent {
  const { fields = {}, mode = null, tokens = CEILING_TOKENS, model = {} } = given;
  const preparation = prepare(rungOf("small", mode), {
    ask: askFor(fields),
    catalog: catalogOf([...(given.has ?? ENGINES[engine] ?? []), "stream-usage"], engine, {
      name: "sim-mid",
      contextTokens: 200_000,
      outputTokensMax: 60_000,
      ...model,
    }),
    // Without the mode long, so that a ceiling of 0 is no contradiction; a rung may still have it.
    policy: policyOf({
      modes: { short: "small" },
      capTokens: CAP_TOKENS,
      reasoningTokensMax: tokens,
      ...given.policy,
    }),
    order: ORDER,
    previous: null,
    strategyOf,
  });
  if (preparation === null) throw new Error("The catalog does not hold the model.");
  const outgoing = finish(preparation, holdOf(preparation.draft.outputTokens), ORDER, "salt");
  return {
    preparation,
    text: outgoing.body,
    body: JSON.parse(outgoing.body) as Sent["body"],
    knobs: Object.fromEntries(
      outgoing.knobs.map(({ knob, fidelity, reason }) => [knob, `${fidelity}: ${reason}`]),
    ),
  };
}

/** Every leaf under a name that is about thinking, by path. */
export function leaves(value: unknown, path = "", isNamed = false): [string, unknown][] {
  if (typeof value !== "object" || value === null) return isNamed ? [[path, value]] : [];
  return Object.entries(value).flatMap(([key, inner]) =>
    leaves(inner, `${path}.${key}`, isNamed || /think|reason|effort|budget/i.test(key)),
  );
}
