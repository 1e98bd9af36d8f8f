// What a pooling replica is asked for a question's hidden state, and what its answer says. vLLM's words (`--runner pooling
// --convert embed`): chat messages whose last one is to be continued, so that the last token is that of the stub.
import { isFields, parseFields } from "./parsed.ts";

/**
 * Stands behind the question, inside the think block, where the state of its last token is read. A head is trained on
 * states behind exactly these words, so another wording is another version of the head's format.
 */
const STUB = "<think>\nBefore I answer, I judge how difficult this question is for me. It is";

/** The stub and the template around both turns, in tokens at the most. */
export const POOLING_OVERHEAD_TOKENS = 64;

/** `name` is what the replica calls the model. */
export function poolingBody(name: string, query: string): string {
  return JSON.stringify({
    model: name,
    messages: [
      { role: "user", content: query },
      { role: "assistant", content: STUB },
    ],
    continue_final_message: true,
    add_generation_prompt: false,
    // Without it the state is normalised, and its length says as much as its direction.
    use_activation: false,
    encoding_format: "base64",
  });
}

/** The longest answer for a state of so many numbers: written out, each has at most 26 characters. */
export function poolingBytesMax(width: number): number {
  return ENVELOPE_BYTES + width * 26;
}

const ENVELOPE_BYTES = 4096;

export type PooledState =
  | {
      readonly kind: "state";
      readonly state: Float32Array;
      /** Null where the replica does not count. */
      readonly inputTokens: number | null;
    }
  /** `problem` is a clause. */
  | { readonly kind: "unlike"; readonly problem: string };

/** Never throws. The state may hold anything: what it is worth is the head's to say. */
export function readPooled(text: string): PooledState {
  const body = parseFields(text);
  const data = body?.["data"];
  const first: unknown = Array.isArray(data) ? data[0] : undefined;
  const embedding = isFields(first) ? first["embedding"] : undefined;
  const state = typeof embedding === "string" ? decode(embedding) : fromList(embedding);
  if (state === null) return { kind: "unlike", problem: "its answer holds no embedding" };
  const usage = body?.["usage"];
  const counted = isFields(usage) ? usage["prompt_tokens"] : undefined;
  return { kind: "state", state, inputTokens: typeof counted === "number" ? counted : null };
}

/** 32-bit floats, little-endian, as every machine that runs this reads them. */
function decode(base64: string): Float32Array | null {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    // Not base64 at all, which is what null says.
    return null;
  }
  if (binary.length === 0 || binary.length % 4 !== 0) return null;
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function fromList(value: unknown): Float32Array | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const numbers = value as readonly unknown[];
  return Float32Array.from(numbers, (one) => (typeof one === "number" ? one : Number.NaN));
}
