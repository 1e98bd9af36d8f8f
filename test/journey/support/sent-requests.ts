// What the clients of this process send. They find the platform's own fetch, which only keeps a note of each body.
import { vi } from "vitest";

export interface SentRequests {
  /** When each request that holds this text was sent, by the process's clock. */
  timesOf(text: string): readonly number[];
}

/** To be called before a client is made: some pick fetch up then. `vi.restoreAllMocks` ends it. */
export function watchSentRequests(): SentRequests {
  const plainFetch = globalThis.fetch;
  const sent: { readonly body: string; readonly atMs: number }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    if (typeof init?.body === "string") sent.push({ body: init.body, atMs: performance.now() });
    return plainFetch(input, init);
  });
  return {
    timesOf: (text) => sent.filter(({ body }) => body.includes(text)).map(({ atMs }) => atMs),
  };
}
