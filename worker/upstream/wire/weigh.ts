// What a delta or a message holds, whatever its members are called: engines write answers into fields that nobody here has
// heard of (`function_call`, `audio`, `reasoning_details`, parts in a list), and what they write is billed.

export interface Weight {
  /** Characters of text, that of which a quarter is about a token. */
  readonly chars: number;
  /** There is something: also what is no text, such as sound, whose length in base64 says little of its tokens. */
  readonly isFilled: boolean;
}

const NOTHING: Weight = { chars: 0, isFilled: false };

/** Names, not words: an engine makes them up besides its tokens. */
const OPAQUE_KEYS = /^(?:id|type|format|role|index|mime_type)$|_id$|signature$/i;
/** Sound, pictures and files, by the names that they have in every API. */
const MEDIA_KEYS = /^(?:data|b64_json|file_data)$/i;
/** So long without a space or a sign is an encoding, not a language. */
const ENCODED = /^[A-Za-z0-9+/_=-]{512,}$/;

/** All strings in a value, at any depth. Without recursion: how deep it nests is an engine's word. */
export function weigh(value: unknown): Weight {
  // So it is of nearly all members that are asked about, in every event of a stream.
  if (value === undefined || value === null) return NOTHING;
  let chars = 0;
  let isFilled = false;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === "string") {
      isFilled ||= next !== "";
      if (!next.startsWith("data:") && !ENCODED.test(next)) chars += next.length;
    } else if (Array.isArray(next)) {
      for (const item of next as readonly unknown[]) waiting.push(item);
    } else if (typeof next === "object" && next !== null) {
      for (const [key, member] of Object.entries(next)) {
        if (OPAQUE_KEYS.test(key)) continue;
        if (MEDIA_KEYS.test(key)) isFilled ||= member !== "" && member !== null;
        else waiting.push(member);
      }
    }
  }
  return { chars, isFilled };
}

/** Where engines repeat their thinking in another form: `reasoning_details`, `thinking_blocks`, `thinking`. */
const THOUGHT_KEYS = /reason|think/i;
/** What was looked up for an answer, and not written. */
const UNWRITTEN_KEYS = new Set(["annotations", "citations", "search_results"]);

/**
 * The members of a delta or a message of which nothing was read. One may repeat what stands in another that was (OpenRouter
 * says its thinking twice, LiteLLM up to three times), so that only what is more than `read` counts.
 */
export function weighUnread(
  unread: Readonly<Record<string, unknown>>,
  read: { readonly textChars: number; readonly thoughtChars: number },
): { readonly textChars: number; readonly thoughtChars: number; readonly isFilled: boolean } {
  let textChars = 0;
  let thoughtChars = 0;
  let isFilled = false;
  for (const [key, member] of Object.entries(unread)) {
    if (UNWRITTEN_KEYS.has(key) || OPAQUE_KEYS.test(key)) continue;
    const weight = weigh(member);
    isFilled ||= weight.isFilled;
    if (THOUGHT_KEYS.test(key)) thoughtChars = Math.max(thoughtChars, weight.chars);
    else textChars += weight.chars;
  }
  return {
    textChars: Math.max(0, textChars - read.textChars),
    thoughtChars: Math.max(0, thoughtChars - read.thoughtChars),
    isFilled,
  };
}
