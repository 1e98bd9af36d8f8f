// The address that clients use, in front of workerd: it carries bytes and knows no HTTP. workerd that was told to end
// keeps its address and leaves new connections unanswered in the queue, until they break with it; a door of our own can be
// closed, and then whatever stands before the gateway knows at once to try again.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { StartFailure } from "../failure.ts";

const LOOPBACK = "127.0.0.1";

export interface Relay {
  /** Without a slash at its end. */
  readonly url: string;
  /** Refuses what is new; what runs goes on. Resolves when all of it has reached its client. */
  close(): Promise<void>;
}

export async function openRelay(host: string, port: number, innerPort: number): Promise<Relay> {
  // Events of a stream are small, and each should leave as it comes.
  const server = createServer({ noDelay: true }, (client) => {
    carry(client, connect({ host: LOOPBACK, port: innerPort, noDelay: true }));
  });
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StartFailure(
      code === "EADDRINUSE"
        ? `Port ${port} on ${host} is taken.`
        : `${host}:${port} cannot be used (${message}).`,
    );
  }
  const { address, family, port: actualPort } = server.address() as AddressInfo;
  // Listened for before it can happen, and asked for as often as anybody likes.
  const closed = once(server, "close").then(() => {});
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${actualPort}`,
    close: () => {
      server.close();
      return closed;
    },
  };
}

/** A client that ends its side has left, as for every proxy; a Worker that breaks off must not look like one that ends. */
function carry(client: Socket, inner: Socket): void {
  client.pipe(inner);
  inner.pipe(client);
  client.once("close", () => inner.destroy());
  inner.once("close", () => {
    if (inner.readableEnded) client.destroySoon();
    else client.resetAndDestroy();
  });
  // A broken connection is told by its "close", which follows.
  client.on("error", () => {});
  inner.on("error", () => {});
}
