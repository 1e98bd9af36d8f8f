// Keeps what the simulator was sent and how it ended, newest last, within a bound.
import type { IncomingHttpHeaders } from "node:http";
import type { Mode } from "./mode.ts";
import type { Usage } from "./usage.ts";

export type RecordedEnding = "open" | "complete" | "client-left" | "cut" | "closed";

export type Truth = { readonly mode: Mode; readonly usage: Usage };

export type RecordedRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The raw body; of one that was too large, what had been read. */
  readonly body: string;
  /** Undefined when the body was empty or no JSON. */
  readonly json: unknown;
  readonly replica: number;
  /** What was really done, whatever was told of it; null until then, and of a request that was not answered. */
  readonly truth: Truth | null;
  /** "open" until the exchange is over. */
  readonly ended: RecordedEnding;
};

export type Entry = { -readonly [Field in keyof RecordedRequest]: RecordedRequest[Field] };

/** A bench sends tens of thousands; a test looks at its last few. */
const requestsKeptMax = 1_024;
const charactersKeptMax = 32 * 1024 * 1024;

export type Recorder = {
  readonly requests: readonly RecordedRequest[];
  add(entry: Entry): void;
  clear(): void;
};

export function createRecorder(): Recorder {
  const requests: Entry[] = [];
  let characters = 0;
  return {
    requests,
    add(entry) {
      requests.push(entry);
      characters += entry.body.length;
      while (
        requests.length > requestsKeptMax ||
        (characters > charactersKeptMax && requests.length > 1)
      ) {
        characters -= requests.shift()?.body.length ?? 0;
      }
    },
    clear() {
      requests.length = 0;
      characters = 0;
    },
  };
}
