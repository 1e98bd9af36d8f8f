// The address in front of workerd: bytes pass as they are, an end is told from a break, and a closed door is closed.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { openRelay } from "../../../worker/cli/self-host/relay.ts";

/** More than sockets keep, so that a slow reader holds it back. */
const MUCH_BYTES = 32 * 1024 * 1024;
let inner: Server;
afterEach(() => inner.close());

it("passes much to a slow reader whole, and closes only then", async () => {
  const relay = await relayTo((socket) => {
    socket.end(Buffer.alloc(MUCH_BYTES, "x"));
  });
  const client = await reach(relay.url);
  client.pause();
  await sleep(100);
  let isClosed = false;
  const closed = relay.close().then(() => (isClosed = true));
  await sleep(100);
  expect(isClosed).toBe(false);
  let bytes = 0;
  client.on("data", (piece: Buffer) => (bytes += piece.length)).resume();
  await once(client, "end");
  expect(bytes).toBe(MUCH_BYTES);
  await closed;
});

it("breaks off where the Worker breaks off, and does not end", async () => {
  const relay = await relayTo((socket) => {
    socket.write("half an ans");
    setTimeout(() => socket.resetAndDestroy(), 50);
  });
  const client = await reach(relay.url);
  client.resume();
  const [error] = (await once(client, "error").catch((caught: unknown) => [caught])) as [
    NodeJS.ErrnoException,
  ];
  expect(error.code).toBe("ECONNRESET");
  await relay.close();
});

it("tells the Worker at once that its client left", async () => {
  const sockets: Socket[] = [];
  const relay = await relayTo((socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.resume().write("a beginning");
  });
  const client = await reach(relay.url);
  await once(client, "data");
  client.destroy();
  await once(sockets[0] ?? client, "close");
  await relay.close();
});

it("refuses what comes after it closed, while what runs goes on", async () => {
  const relay = await relayTo((socket) => {
    socket.on("data", (piece: Buffer) => {
      if (String(piece) === "bye") socket.end("bye");
      else socket.write(piece);
    });
  });
  const client = await reach(relay.url);
  const closed = relay.close();
  await expect(reach(relay.url)).rejects.toThrow("ECONNREFUSED");
  client.write("still here");
  expect(String((await once(client, "data"))[0])).toBe("still here");
  client.write("bye");
  await closed;
});

it("says that its port is taken", async () => {
  const relay = await relayTo(() => {});
  const { port } = new URL(relay.url);
  await expect(openRelay("127.0.0.1", Number(port), 1)).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is taken.`,
  );
  await relay.close();
});

async function relayTo(answer: (socket: Socket) => void) {
  inner = createServer(answer).listen(0, "127.0.0.1");
  await once(inner, "listening");
  return openRelay("127.0.0.1", 0, (inner.address() as AddressInfo).port);
}

async function reach(url: string): Promise<Socket> {
  const client = connect(Number(new URL(url).port), "127.0.0.1");
  await once(client, "connect");
  return client;
}
