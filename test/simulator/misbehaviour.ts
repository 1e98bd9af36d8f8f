// How a request asks to be mistreated: by a header, by a suffix of the model's name, by a marker
// in the last user message, or by the control endpoint. One grammar for all of them:
// `name`, `name(1500)` for milliseconds, `name*2` for the first two times only.

export const misbehaviourNames = [
  "rate-limit",
  "error-400",
  "error-500",
  "error-503",
  "slow-first-byte",
  "silent",
  "stall",
  "cut",
  "cut-early",
  "broken-json",
  "error-in-200",
  "error-mid-stream",
  "no-usage",
  "lying-usage",
  "no-done",
  "ignored-knobs",
  "reasoning-content",
  "reasoning",
  "think-tags",
  "split-utf8",
  "split-tags",
  "crlf",
  "comments",
  "one-byte",
] as const;
export type MisbehaviourName = (typeof misbehaviourNames)[number];

export type Misbehaviour = {
  readonly name: MisbehaviourName;
  /** Only the slow ones read it. */
  readonly waitMs: number | null;
  /** Null means every time. */
  readonly times: number | null;
  /** Null means whatever model is asked. */
  readonly model: string | null;
};

/** What one request has to suffer. */
export type Misbehaviours = ReadonlyMap<MisbehaviourName, Misbehaviour>;

export type Control = {
  /** Orders a misbehaviour for coming requests; false when the name is unknown. */
  order(model: string, spec: string, times: number | null): boolean;
  /** Collects what applies to this request, counting down what is limited. */
  collect(request: {
    readonly model: string;
    readonly header: string;
    readonly lastUserText: string;
  }): Misbehaviours;
  reset(): void;
};

/** Ten minutes: longer waits are `silent` or `stall`. */
const waitMsMax = 600_000;

const marker = /\[\[sim:([^\]]{1,200})\]\]/g;
const grammar = /^(?:([^=\s]+)=)?([a-z0-9-]+)(?:\((\d{1,6})\))?(?:\*(\d{1,6}))?$/;

export function createControl(): Control {
  let ordered: { readonly what: Misbehaviour; left: number | null }[] = [];
  let used = new Map<string, number>();

  return {
    order(model, spec, times) {
      const what = parseMisbehaviour(spec);
      if (what === null) return false;
      ordered.push({
        what: { ...what, model: model === "*" ? null : model },
        left: times ?? what.times,
      });
      return true;
    },
    collect({ model, header, lastUserText }) {
      const plain = splitModel(model);
      const asked = [...plain.specs, ...header.split(","), ...markersIn(lastUserText)]
        .map((spec) => parseMisbehaviour(spec.trim()))
        .filter((what) => what !== null);
      const applying = new Map<MisbehaviourName, Misbehaviour>();
      for (const what of asked) {
        if (what.model !== null && what.model !== plain.model) continue;
        if (what.times !== null) {
          const key = `${plain.model}|${what.name}|${what.times}`;
          const before = used.get(key) ?? 0;
          if (before >= what.times) continue;
          used.set(key, before + 1);
        }
        applying.set(what.name, what);
      }
      for (const order of ordered) {
        if (order.what.model !== null && order.what.model !== plain.model) continue;
        if (order.left === 0) continue;
        if (order.left !== null) order.left -= 1;
        applying.set(order.what.name, order.what);
      }
      return applying;
    },
    reset() {
      ordered = [];
      used = new Map();
    },
  };
}

/** `sim-mid!stall!crlf` asks sim-mid for two misbehaviours. */
export function splitModel(model: string): {
  readonly model: string;
  readonly specs: readonly string[];
} {
  const [name = "", ...specs] = model.split("!");
  return { model: name, specs };
}

export function withoutMarkers(text: string): string {
  return text.replaceAll(marker, "");
}

export function parseMisbehaviour(spec: string): Misbehaviour | null {
  const match = grammar.exec(spec);
  const name = misbehaviourNames.find((known) => known === match?.[2]);
  if (match === null || name === undefined) return null;
  return {
    name,
    model: match[1] ?? null,
    waitMs: match[3] === undefined ? null : Math.min(waitMsMax, Number(match[3])),
    times: match[4] === undefined ? null : Number(match[4]),
  };
}

function markersIn(text: string): string[] {
  return [...text.matchAll(marker)].flatMap((match) => (match[1] ?? "").split(","));
}
