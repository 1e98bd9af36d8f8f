// A stand-in for the gateway's endpoint for relays: it takes batches in order, each once, and can be told to forget, to be
// away, or to ask for more.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import {
  BATCH_BYTES_MAX,
  parseKvBatch,
  type KvAnswer,
  type KvBatch,
  type KvOperation,
} from "../../../policies/prefix/kv-events.ts";

export const RELAY_TOKEN = "relay-token-of-a-journey-0123456789";

export interface ToldGateway {
  readonly url: string;
  /** What it was told that the replica holds. */
  readonly keys: ReadonlySet<number>;
  /** Each that came, whether it was taken or not. */
  readonly batches: readonly KvBatch[];
  /** As text, exactly as they came. */
  readonly bodies: readonly string[];
  /** How often it asked for what. */
  readonly asked: Readonly<Record<KvAnswer["wants"], number>>;
  /** Batches after which what was counted was not what was said to be held. */
  readonly miscounts: number;
  readonly epoch: number;
  /** As an object that lost its memory. */
  forget(): void;
  /** Answers so many requests with this status. */
  fail(times: number, status: number): void;
  /** Asks for everything from this sequence on, once. */
  askAgainFrom(sequence: number): void;
  close(): Promise<void>;
}

export async function startToldGateway(): Promise<ToldGateway> {
  const keys = new Set<number>();
  const batches: KvBatch[] = [];
  const bodies: string[] = [];
  const asked = { next: 0, replay: 0, snapshot: 0 };
  let miscounts = 0;
  let epoch = -1;
  let expected = 0;
  let failing = { times: 0, status: 0 };
  let again: number | null = null;

  function take(batch: KvBatch): KvAnswer["wants"] {
    const [first] = batch.operations;
    const isSnapshot = first?.op === "snapshot" && first.part === 0;
    if (again !== null && batch.epoch === epoch) {
      expected = again;
      again = null;
      return "replay";
    }
    if (batch.epoch < epoch) return "snapshot";
    if (batch.epoch > epoch) {
      if (batch.sequence !== 0 && !isSnapshot) return "snapshot";
      keys.clear();
      epoch = batch.epoch;
      expected = batch.sequence;
    }
    if (batch.sequence < expected) return "next";
    if (batch.sequence > expected && !isSnapshot) return "replay";
    if (batch.operations.length > 0) expected = batch.sequence + 1;
    for (const operation of batch.operations) apply(operation);
    if (batch.held !== undefined && batch.held !== keys.size) miscounts++;
    return "next";
  }

  function apply(operation: KvOperation): void {
    switch (operation.op) {
      case "cleared":
        return keys.clear();
      case "removed":
        for (const key of operation.keys) keys.delete(key);
        return;
      case "snapshot":
      case "stored":
        if (operation.op === "snapshot" && operation.part === 0) keys.clear();
        for (const key of operation.keys) keys.add(key);
    }
  }

  async function answer(request: IncomingMessage): Promise<readonly [number, object]> {
    const body = await readBody(request);
    if (request.method !== "POST" || request.url !== "/internal/v1/kv-events") return [404, {}];
    if (request.headers.authorization !== `Bearer ${RELAY_TOKEN}`) return [401, {}];
    if (body.length > BATCH_BYTES_MAX) return [413, {}];
    if (failing.times > 0) {
      failing = { ...failing, times: failing.times - 1 };
      return [failing.status, {}];
    }
    const parsed = parseKvBatch(JSON.parse(body));
    if (parsed.kind === "faulty") return [400, { faults: parsed.faults }];
    bodies.push(body);
    batches.push(parsed.value);
    const wants = take(parsed.value);
    asked[wants]++;
    return [200, { expected: { epoch: Math.max(0, epoch), sequence: expected }, wants }];
  }

  const server = createServer((request, response) => {
    void answer(request).then(([status, value]) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens on no port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    keys,
    batches,
    bodies,
    asked,
    get miscounts() {
      return miscounts;
    },
    get epoch() {
      return epoch;
    },
    forget() {
      keys.clear();
      epoch = -1;
      expected = 0;
    },
    fail(times, status) {
      failing = { times, status };
    },
    askAgainFrom(sequence) {
      again = sequence;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
