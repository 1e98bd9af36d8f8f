// An upstream that does exactly what a script says: which bytes in which writes, and how the connection ends.
// For what no engine that means well would do.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface Script {
  /** Null accepts the request and ends the connection without a word. */
  readonly status: number | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Each a write of its own; a number waits that many milliseconds. */
  readonly writes: readonly (Uint8Array | number)[];
  /** `close` ends as HTTP says, `cut` destroys the connection, `hold` keeps it open until the other side leaves. */
  readonly end: "close" | "cut" | "hold";
}

export type ScriptedEnding = "open" | "complete" | "cut" | "client-left";

export interface ScriptedUpstream {
  /** Up to and with `/v1`. */
  readonly baseUrl: string;
  /** How each exchange ended, in the order of their beginning. */
  readonly endings: readonly ScriptedEnding[];
  close(): Promise<void>;
}

/** Written bytes need a moment to leave before the connection is destroyed under them. */
const BEFORE_CUT_MS = 20;

/** `scriptOf` gets the request's body as text. */
export async function startScriptedUpstream(
  scriptOf: (body: string) => Script,
): Promise<ScriptedUpstream> {
  const endings: ScriptedEnding[] = [];
  const server = createServer((request, response) => {
    const index = endings.push("open") - 1;
    play(request, response, scriptOf)
      .then((ending) => {
        endings[index] = ending;
      })
      .catch((error: unknown) => {
        console.error("scripted upstream:", error);
        response.destroy();
      });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("It listens on no port.");
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    endings,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function play(
  request: IncomingMessage,
  response: ServerResponse,
  scriptOf: (body: string) => Script,
): Promise<ScriptedEnding> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  response.on("error", () => gone.abort());
  request.socket.setNoDelay(true);
  const body: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) body.push(chunk);
  const { status, headers, writes, end } = scriptOf(Buffer.concat(body).toString());
  if (status !== null) {
    response.writeHead(status, headers ?? { "content-type": "text/event-stream" });
    response.flushHeaders();
  }
  try {
    for (const part of status === null ? [] : writes) {
      if (gone.signal.aborted) return "client-left";
      if (typeof part === "number") await sleep(part, undefined, { signal: gone.signal });
      else if (!response.write(part)) await once(response, "drain", { signal: gone.signal });
    }
    if (end === "close" && status !== null) {
      response.end();
      await once(response, "finish", { signal: gone.signal });
      return "complete";
    }
    if (end === "hold") {
      if (!gone.signal.aborted) await once(gone.signal, "abort");
      return "client-left";
    }
    await sleep(BEFORE_CUT_MS, undefined, { signal: gone.signal });
    response.destroy();
    return "cut";
  } catch (error) {
    // Every wait above is given up by the same signal.
    if (gone.signal.aborted) return "client-left";
    throw error;
  }
}

/** A port on which nobody listens: taken for a moment, then free. */
export async function refusingBaseUrl(): Promise<string> {
  const upstream = await startScriptedUpstream(() => ({ status: null, writes: [], end: "cut" }));
  await upstream.close();
  return upstream.baseUrl;
}
