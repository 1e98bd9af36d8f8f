// Plain HTTP as a client without an SDK writes it: one request, its answer, and a stream's events as they came.
import type { GatewayUnderTest } from "./gateway-under-test.ts";

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Another key than the demo tenant's. */
  readonly secret?: string;
  readonly signal?: AbortSignal;
}

/** As much of an answer's usage as the ledger counts by. */
export interface UsageFields {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export interface ErrorFields {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** Sends a body as it stands when it is text, and as JSON otherwise. */
export function ask(
  gateway: Pick<GatewayUnderTest, "url" | "secret">,
  body: unknown,
  { headers = {}, secret = gateway.secret, signal }: AskOptions = {},
): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${secret}`,
      "content-type": "application/json",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** One user turn for `auto`, which is how most calls look. */
export function turn(
  text: string,
  fields: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return { model: "auto", messages: [{ role: "user", content: text }], ...fields };
}

export async function readJson<Body>(response: Response): Promise<Body> {
  return (await response.json()) as Body;
}

export async function readError(response: Response): Promise<ErrorFields> {
  return (await readJson<{ readonly error: ErrorFields }>(response)).error;
}

/** The data of every event, in order, `[DONE]` included; comments are left out. */
export async function readEvents(response: Response): Promise<readonly string[]> {
  return (await response.text()).split("\n\n").flatMap((event) => {
    const lines = event.split("\n").filter((line) => line.startsWith("data: "));
    return lines.length === 0 ? [] : [lines.map((line) => line.slice("data: ".length)).join("\n")];
  });
}
