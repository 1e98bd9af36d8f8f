// Whether an answer has the form that was asked for: JSON that parses, tool calls whose arguments do. Its text is kept while
// it comes, no longer, and only where a form was asked for.
import type { Delta } from "../../dialect/dialect.ts";

/** A longer answer is not judged: kept for every open call it would be an isolate's memory. */
const CHARS_MAX = 262_144;

export class AnswerForm {
  readonly #wantsJson: boolean;
  readonly #calls = new Map<number, string>();
  #text = "";
  #chars = 0;

  constructor(wantsJson: boolean) {
    this.#wantsJson = wantsJson;
  }

  see(delta: Delta): void {
    const said =
      delta.kind === "text" ? delta.text : delta.kind === "tool-call" ? delta.arguments : "";
    this.#chars += said.length;
    if (this.#chars > CHARS_MAX) return;
    if (delta.kind === "text" && this.#wantsJson) this.#text += said;
    if (delta.kind === "tool-call")
      this.#calls.set(delta.index, (this.#calls.get(delta.index) ?? "") + said);
  }

  /** Of a whole answer; null where it has no form to be judged. */
  get isValid(): boolean | null {
    if (this.#chars > CHARS_MAX) return null;
    // A call without arguments is one.
    if (this.#calls.size > 0)
      return [...this.#calls.values()].every((text) => text.trim() === "" || isJson(text));
    return this.#wantsJson ? isJson(this.#text) : null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Not JSON is an answer of its own here.
    return false;
  }
}
