// Parts text that arrives in pieces at a pair of tags, which may themselves be cut anywhere. Knows no model.

export interface Piece {
  readonly where: "inside" | "outside";
  readonly text: string;
}

/** White space that is awaited before a tag: models write a line break or two, never a page. */
const LEADING_SPACE_MAX = 64;

/**
 * Splits text at `open` ... `close`. Only a tag at the very start opens (white space before it is allowed): later in
 * an answer the same characters are the answer's own, say in an essay about markup.
 */
export class TagSplitter {
  readonly #open: string;
  readonly #close: string;
  #state: "start" | "inside" | "outside" = "start";
  #held = "";

  constructor(open: string, close: string) {
    this.#open = open;
    this.#close = close;
  }

  push(text: string): Piece[] {
    this.#held += text;
    if (this.#state === "start") {
      const trimmed = this.#held.trimStart();
      if (this.#held.length - trimmed.length > LEADING_SPACE_MAX) {
        this.#state = "outside";
      } else if (trimmed.startsWith(this.#open)) {
        this.#state = "inside";
        this.#held = trimmed.slice(this.#open.length);
      } else if (this.#open.startsWith(trimmed)) {
        return [];
      } else {
        this.#state = "outside";
      }
    }
    if (this.#state === "outside") return this.#flush("outside");
    const at = this.#held.indexOf(this.#close);
    if (at !== -1) {
      const inside = this.#held.slice(0, at);
      this.#held = this.#held.slice(at + this.#close.length);
      this.#state = "outside";
      return [...piece("inside", inside), ...this.#flush("outside")];
    }
    const keep = overlap(this.#held, this.#close);
    const ready = this.#held.slice(0, this.#held.length - keep);
    this.#held = this.#held.slice(this.#held.length - keep);
    return piece("inside", ready);
  }

  /** What was held back when the text ended. */
  end(): Piece[] {
    return this.#flush(this.#state === "inside" ? "inside" : "outside");
  }

  #flush(where: Piece["where"]): Piece[] {
    const text = this.#held;
    this.#held = "";
    return piece(where, text);
  }
}

function piece(where: Piece["where"], text: string): Piece[] {
  return text === "" ? [] : [{ where, text }];
}

/** Length of the longest end of `text` that begins `tag`. */
function overlap(text: string, tag: string): number {
  for (let length = Math.min(text.length, tag.length - 1); length > 0; length -= 1) {
    if (tag.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}
