// The simulated engine as a server on this machine: starts, reads requests within a bound, plays
// the answers, notices clients that leave, and stops without leaving a timer behind.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createEngine, refuse, startResponse, type Exchange } from "./engine.ts";
import {
  createRecorder,
  type Entry,
  type RecordedEnding,
  type RecordedRequest,
} from "./recorder.ts";
import type { CacheListener } from "./prefix-cache.ts";
import { route, type Desk } from "./routes.ts";
import { completeSettings, type SimulatorSettings } from "./settings.ts";
import { perform, untilAborted } from "./step.ts";

export type Simulator = {
  readonly url: string;
  readonly port: number;
  /** Newest last; only the newest thousand are kept. */
  readonly requests: readonly RecordedRequest[];
  /** From now on every prompt takes so many times as long as the settings say. */
  slow(times: number): void;
  /** Forgets requests, ordered misbehaviours, counters and prefix caches. */
  reset(): void;
  close(): Promise<void>;
};

/** Eight times the longest context in bytes of JSON; more is abuse. */
const bodyBytesMax = 8 * 1024 * 1024;

export async function startSimulator(
  given: Partial<SimulatorSettings> = {},
  listener: CacheListener | null = null,
): Promise<Simulator> {
  const settings = completeSettings(given);
  const engine = createEngine(settings, listener);
  const recorder = createRecorder();
  const closing = new AbortController();
  const desk: Desk = {
    engine,
    requests: recorder.requests,
    reset() {
      recorder.clear();
      engine.control.reset();
      for (const cache of engine.caches) cache.clear();
    },
  };

  const server = createServer((request, response) => {
    serve(request, response, desk, (entry) => recorder.add(entry), closing.signal).catch(
      (failure: unknown) => {
        // A bug of the simulator: loud here, and a cut for the client.
        console.error("simulator:", failure);
        response.destroy();
      },
    );
  });
  // A test that closes the simulator while it is silent must not wait for a keep-alive.
  server.keepAliveTimeout = 5_000;
  server.listen(settings.port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("the server listens on no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    requests: recorder.requests,
    slow(times) {
      for (const queue of engine.queues) queue.slowness = times;
    },
    reset: () => desk.reset(),
    async close() {
      closing.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  desk: Desk,
  record: (entry: Entry) => void,
  closing: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  // A socket that breaks under a write also closes, and that is where it is handled.
  response.on("error", () => gone.abort());
  request.socket.setNoDelay(true);

  const [path, replica] = splitReplica(request.url ?? "/");
  const { text, fits } = await readBody(request);
  const json = parseJson(text);
  const entry: Entry = {
    method: request.method ?? "GET",
    path: request.url ?? "/",
    headers: request.headers,
    body: text,
    json,
    replica,
    truth: null,
    ended: "open",
  };
  record(entry);
  if (fits && !request.complete) {
    entry.ended = "client-left";
    return;
  }

  const exchange = decide();
  entry.truth = exchange.truth ?? null;
  entry.ended = await play(exchange);

  function decide(): Exchange {
    if (!fits) {
      const refusal = refuse(
        413,
        `The body is larger than ${bodyBytesMax} bytes.`,
        "invalid_request_error",
        null,
        "body_too_large",
      );
      return { ...refusal, headers: { ...refusal.headers, connection: "close" } };
    }
    if (desk.engine.caches[replica] === undefined)
      return refuse(
        404,
        `There is no replica ${replica}.`,
        "invalid_request_error",
        null,
        "not_found",
      );
    return route(
      {
        method: entry.method,
        path,
        replica,
        body: json,
        misbehaveHeader: String(request.headers["x-sim-misbehave"] ?? ""),
      },
      desk,
    );
  }

  async function play({
    status,
    beforeHeadersMs,
    steps,
    ...rest
  }: Exchange): Promise<RecordedEnding> {
    if (beforeHeadersMs > 0) {
      // Given up when the client leaves; `perform` then sees the same signal.
      await sleep(beforeHeadersMs, undefined, { signal: gone.signal }).catch(() => undefined);
    }
    if (status === null) {
      await untilAborted(gone.signal);
      return closing.aborted ? "closed" : "client-left";
    }
    startResponse(response, { status, beforeHeadersMs, steps, ...rest }, replica);
    const ending = await perform(steps, response, gone.signal);
    return closing.aborted && ending === "client-left" ? "closed" : ending;
  }
}

/** `/r1/v1/models` is replica 1's `/v1/models`; without a prefix it is replica 0's. */
function splitReplica(url: string): [path: string, replica: number] {
  const path = url.split("?")[0] ?? "/";
  const match = /^\/r(\d{1,3})(\/.*)$/.exec(path);
  return match === null ? [path, 0] : [match[2] ?? "/", Number(match[1])];
}

async function readBody(
  request: IncomingMessage,
): Promise<{ readonly text: string; readonly fits: boolean }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The request outlives the loop, since its socket still has to carry the refusal.
    for await (const chunk of request.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) return { text: "", fits: false };
      chunks.push(chunk);
    }
  } catch {
    // The client left in the middle of its body; what arrived is recorded.
  }
  return { text: Buffer.concat(chunks).toString(), fits: true };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the routes that need a body say so themselves.
    return undefined;
  }
}
