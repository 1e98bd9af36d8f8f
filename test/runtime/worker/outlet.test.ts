// The way out, in the runtime: nothing is lost or reordered however it is written, and a client that is gone is noticed.
import { expect, test } from "vitest";
import { Outlet } from "../../../worker/stream/outlet.ts";
import { Patience } from "../../../worker/stream/patience.ts";
import { pause } from "../../../worker/stream/wait.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const soon = (waitMs: number): Promise<void> => pause(waitMs, new AbortController().signal);

test("what is pushed and what is written comes out in order, in bursts and after pauses", async () => {
  const outlet = new Outlet(new Patience(), 1000);
  const reading = new Response(outlet.readable).text();
  let sent = "";
  for (let at = 0; at < 300; at += 1) {
    const piece = `${at},`;
    sent += piece;
    if (at % 7 === 0) expect(await outlet.write(encode(piece))).toBe(true);
    else expect(await outlet.push(encode(piece))).toBe(true);
    if (at % 50 === 0) await soon(3);
  }
  await outlet.close();
  expect(await reading).toBe(sent);
});

test("a burst is few pieces, and its first one does not wait for the rest", async () => {
  const outlet = new Outlet(new Patience(), 1000);
  const reader = outlet.readable.getReader();
  void outlet.push(encode("0,"));
  const first = await reader.read();
  expect(new TextDecoder().decode(first.value)).toBe("0,");
  for (let at = 1; at < 100; at += 1) void outlet.push(encode(`${at},`));
  const second = await reader.read();
  expect(new TextDecoder().decode(second.value)).toBe(
    Array.from({ length: 99 }, (_, at) => `${at + 1},`).join(""),
  );
  // Once it is quiet, the next is written at once again.
  await soon(5);
  void outlet.push(encode("last"));
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("last");
  await Promise.all([outlet.close(), reader.read()]);
});

test("a client that has left is noticed by the next push but one at the latest, and the stream has no clean end", async () => {
  const outlet = new Outlet(new Patience(), 1000);
  await outlet.readable.cancel();
  void outlet.push(encode("a"));
  await soon(3);
  expect(await outlet.push(encode("b"))).toBe(false);
  expect(await outlet.write(encode("c"))).toBe(false);
  await outlet.close();
});

test("a client that takes nothing counts as gone after its patience, and no more than the bound waits for it", async () => {
  const outlet = new Outlet(new Patience(), 50);
  const piece = new Uint8Array(30_000);
  let pushes = 0;
  while (pushes < 20 && (await outlet.push(piece))) pushes += 1;
  // One is being written, three more reach the bound, and the next one waits until patience is over.
  expect(pushes).toBe(4);
  await outlet.close();
});
