// Bytes in are bytes out, and what an event is does not depend on how the network cut it. Properties print their seed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EVENT_BYTES_MAX,
  SseSplitter,
  writeComment,
  writeEvent,
} from "../../../../worker/stream/sse.ts";
import { split } from "../fuzz-streams.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

function dataOf(text: string): (string | null)[] {
  return split([bytesOf(text)]).map(({ data }) => data);
}

/** The bytes at the cuts that the numbers choose. */
function chunksOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return places.slice(1).map((end, index) => bytes.slice(places[index] ?? 0, end));
}

/** Data of every event as the standard's own algorithm gives it, line by line. */
function dispatched(text: string): string[] {
  const events: string[] = [];
  let data: string[] = [];
  for (const line of text.split(/\r\n|\n|\r/).slice(0, -1)) {
    if (line === "") {
      if (data.length > 0) events.push(data.join("\n"));
      data = [];
    } else if (line.startsWith("data:")) {
      data.push(line.slice(5).replace(/^ /, ""));
    }
  }
  return events;
}

const line = fc.oneof(
  fc
    .string({ unit: "grapheme", maxLength: 12 })
    .map((text) => `data: ${text.replaceAll(/[\r\n]/g, "")}`),
  fc.constantFrom(
    ": ping",
    "event: x",
    "id: 1",
    "data:",
    'data: {"a":"\u{1f600}é"}',
    "data: [DONE]",
    "retry: 5",
  ),
);
const stream = fc
  .tuple(
    fc.constantFrom("\n", "\r\n", "\r"),
    fc.array(fc.array(line, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
    fc.boolean(),
  )
  .map(([end, events, isClosed]) => {
    const text = events.map((lines) => lines.map((text) => text + end).join("") + end).join("");
    return isClosed ? text : text + `data: tail${end}`;
  });

describe("the splitter", () => {
  it("gives back every byte, in order, for any chunking", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        (bytes, cuts) => {
          const events = split(chunksOf(bytes, cuts));
          expect(Buffer.concat(events.map((event) => event.bytes)).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  it("finds the same events for any chunking, line end and split character", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(), { maxLength: 60 }), (text, cuts) => {
        const bytes = bytesOf(text);
        expect(split(chunksOf(bytes, cuts))).toEqual(split([bytes]));
        expect(split([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(split([bytes]));
      }),
    );
  });

  it("finds the data that the standard's algorithm dispatches", () => {
    fc.assert(
      fc.property(stream, (text) => {
        const closed = `${text}\n\n`;
        expect(dataOf(closed).filter((data) => data !== null)).toEqual(dispatched(closed));
      }),
    );
  });

  it("gives out an event as soon as its blank line is there, and not before", () => {
    const splitter = new SseSplitter();
    expect(splitter.push(bytesOf("data: 1\n"))).toEqual([]);
    expect(splitter.push(bytesOf("\n"))).toEqual([{ bytes: bytesOf("data: 1\n\n"), data: "1" }]);
    expect(splitter.push(bytesOf("data: 2\n\ndata: 3\n\nda")).map(({ data }) => data)).toEqual([
      "2",
      "3",
    ]);
    expect(splitter.rest()).toEqual({ bytes: bytesOf("da"), data: null });
    expect(splitter.rest()).toBeNull();
  });

  it.each([
    { name: "one line", text: "data: a\n\n", data: ["a"] },
    { name: "no space behind the colon", text: "data:a\n\n", data: ["a"] },
    { name: "only the first space taken", text: "data:  a\n\n", data: [" a"] },
    { name: "many lines joined", text: "data: a\r\ndata: b\r\n\r\n", data: ["a\nb"] },
    { name: "a comment", text: ": ping\n\n", data: [null] },
    { name: "an event without data", text: "event: x\nid: 1\n\n", data: [null] },
    { name: "empty data", text: "data:\n\n", data: [""] },
    { name: "another field that begins with data", text: "datax: a\n\n", data: [null] },
    { name: "lone carriage returns", text: "data: a\r\rdata: b\r\r", data: ["a", "b"] },
    {
      name: "mixed line ends",
      text: "data: a\n\rdata: b\n\r\ndata: c\r\n\n",
      data: ["a", "b", "c"],
    },
    { name: "a stream cut in its last event", text: "data: a\n\ndata: b", data: ["a", "b"] },
    { name: "text that holds U+2028", text: "data: a\u2028b\n\n", data: ["a\u2028b"] },
  ])("reads $name", ({ text, data }) => {
    expect(dataOf(text)).toEqual(data);
  });

  it("keeps an event that was given out as it was when later chunks come", () => {
    const splitter = new SseSplitter();
    splitter.push(bytesOf("data: fi"));
    const [first] = splitter.push(bytesOf("rst\n\ndata: sec"));
    splitter.push(bytesOf("ond, and longer than all the room that was left\n\n"));
    expect(decoder.decode(first?.bytes)).toBe("data: first\n\n");
  });

  it("is overfull when an event outgrew its bound, and not at the bound", () => {
    const splitter = new SseSplitter();
    splitter.push(new Uint8Array(EVENT_BYTES_MAX).fill(97));
    expect(splitter.isOverfull).toBe(false);
    splitter.push(Uint8Array.of(97));
    expect(splitter.isOverfull).toBe(true);
  });

  it("does no more work for a mebibyte in single bytes than a test has time for", () => {
    const splitter = new SseSplitter();
    const byte = Uint8Array.of(97);
    for (let count = 0; count < EVENT_BYTES_MAX; count += 1) splitter.push(byte);
    expect(splitter.rest()?.bytes.length).toBe(EVENT_BYTES_MAX);
  });

  it("does no more work for a mebibyte of line ends that close nothing", () => {
    const splitter = new SseSplitter();
    const lines = bytesOf(":\r\n");
    let events = 0;
    for (let count = 0; count < EVENT_BYTES_MAX / 3; count += 1)
      events += splitter.push(lines).length;
    expect(events).toBe(0);
  });
});

describe("an event of our own", () => {
  it("is read back as it was written", () => {
    expect(split([writeEvent('{"a":1}')]).map(({ data }) => data)).toEqual(['{"a":1}']);
    expect(split([writeComment("ping")]).map(({ data }) => data)).toEqual([null]);
  });
});
