// A client of the proofs: one request over plain HTTP, and what was heard of it before its end, its own or anybody's.

export interface Wish {
  readonly url: string;
  readonly secret: string;
  readonly text: string;
  readonly outputTokensMax?: number;
  /** True when absent. */
  readonly isStream?: boolean;
  /** Leaves once so many chunks of the answer were read; 0: with the headers. */
  readonly leavesAfterChunks?: number;
  /** Leaves once this many heartbeats came. */
  readonly leavesAfterHeartbeats?: number;
}

export interface Heard {
  /** Null: no headers came. */
  readonly status: number | null;
  readonly requestId: string | null;
  /** Of an error, also of one in the stream. */
  readonly code: string | null;
  /** As the headers say. */
  readonly remainingTokens: number | null;
  readonly chunks: number;
  readonly totalTokens: number | null;
  /** It came to its proper end. */
  readonly isWhole: boolean;
  readonly message: string | null;
}

interface Body {
  readonly usage?: { readonly total_tokens: number } | null;
  readonly choices?: readonly { readonly delta?: { readonly content?: string } }[];
  readonly error?: { readonly code: string | null; readonly message: string };
}

const NOTHING_HEARD: Heard = {
  status: null,
  requestId: null,
  code: null,
  remainingTokens: null,
  chunks: 0,
  totalTokens: null,
  isWhole: false,
  message: null,
};

/** Never rejects: a connection that breaks is something heard. */
export async function hear(wish: Wish): Promise<Heard> {
  const leaving = new AbortController();
  const isStream = wish.isStream ?? true;
  let heard = NOTHING_HEARD;
  try {
    const response = await fetch(`${wish.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${wish.secret}`, "content-type": "application/json" },
      signal: leaving.signal,
      body: JSON.stringify({
        model: "auto:short",
        messages: [{ role: "user", content: wish.text }],
        ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
        ...(wish.outputTokensMax === undefined
          ? {}
          : { max_completion_tokens: wish.outputTokensMax }),
      }),
    });
    const { status, headers } = response;
    const remaining = headers.get("x-ratelimit-remaining-tokens");
    heard = {
      ...heard,
      status,
      requestId: headers.get("x-request-id"),
      remainingTokens: remaining === null ? null : Number(remaining),
    };
    if (wish.leavesAfterChunks === 0) leaving.abort();
    if (!isStream || status !== 200) return readBody(heard, await response.text());
    const decoder = new TextDecoder();
    let rest = "";
    let heartbeats = 0;
    for await (const bytes of response.body ?? []) {
      const events = `${rest}${decoder.decode(bytes, { stream: true })}`.split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) {
        if (event.startsWith(":")) heartbeats += 1;
        heard = readEvent(heard, event);
      }
      if (heard.chunks >= (wish.leavesAfterChunks ?? Number.POSITIVE_INFINITY)) leaving.abort();
      if (heartbeats >= (wish.leavesAfterHeartbeats ?? Number.POSITIVE_INFINITY)) leaving.abort();
    }
  } catch {
    // This side left, or the connection broke: what was heard until then is the answer.
  }
  return heard;
}

function readEvent(heard: Heard, event: string): Heard {
  if (!event.startsWith("data: ")) return heard;
  const data = event.slice("data: ".length);
  if (data === "[DONE]") return { ...heard, isWhole: true };
  const { usage, choices, error } = JSON.parse(data) as Body;
  const content = choices?.[0]?.delta?.content ?? "";
  return {
    ...heard,
    chunks: heard.chunks + (content === "" ? 0 : 1),
    totalTokens: usage?.total_tokens ?? heard.totalTokens,
    code: error?.code ?? heard.code,
    message: error?.message ?? heard.message,
  };
}

function readBody(heard: Heard, text: string): Heard {
  const { usage, error } = JSON.parse(text) as Body;
  return {
    ...heard,
    code: error?.code ?? null,
    message: error?.message ?? null,
    totalTokens: usage?.total_tokens ?? null,
    isWhole: error === undefined,
  };
}
