// Numbers and texts as few bytes: what a ledger's journal is written in. Whole numbers take seven bits a byte, and the ids
// that the gateway makes take what they hold and not how they are spelt.

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HEX = /^(?:[0-9a-f]{2})+$/;
const COUNTER = /^(?:0|[1-9][0-9]{0,8})$/;
const UUID_LENGTH = 36;
const UUID_BYTES = 16;
/** Of nine decimal digits; the last of them is small, so that a row of 255s lies behind every counter. */
const COUNTER_BYTES_MAX = 5;

/** Where a text's first byte says how it is written: these two, or its length in UTF-8 and two more. */
const AS_UUID = 0;
const AS_HEX = 1;
const AS_TEXT = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** A whole number from 0 to 2^53. Anything else would be another number when it is read. */
  count(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`A journal keeps whole numbers from 0 to 2^53, not ${value}.`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      // Not with bit operations, which know 32 bits.
      this.#bytes[this.#length++] = 0x80 | (rest % 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  text(value: string): void {
    if (HEX.test(value)) {
      this.count(AS_HEX);
      this.count(value.length / 2);
      this.raw(fromHex(value));
      return;
    }
    const bytes = encoder.encode(value);
    this.count(bytes.length + AS_TEXT);
    this.raw(bytes);
  }

  /** `uuid:n` as the uuid's sixteen bytes and n, which is what the gateway's own ids are; anything else as a text. */
  callId(value: string): void {
    const parts = splitCallId(value);
    if (parts === null) {
      this.text(value);
      return;
    }
    this.count(AS_UUID);
    this.raw(fromHex(parts.uuid.replaceAll("-", "")));
    this.count(parts.counter);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  finish(): ArrayBuffer {
    return this.#bytes.slice(0, this.#length).buffer;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads what a ByteWriter wrote, in the same order; throws where the bytes end too early. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: ArrayBuffer | Uint8Array) {
    this.#bytes = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  }

  /** Whether all was read: what an earlier version wrote ends sooner. */
  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new RangeError("The bytes end within a number.");
    return value;
  }

  count(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    return this.#textAs(this.count());
  }

  callId(): string {
    const form = this.count();
    if (form !== AS_UUID) return this.#textAs(form);
    const uuid = uuidOf(this.#take(UUID_BYTES));
    return `${uuid}:${this.count()}`;
  }

  #textAs(form: number): string {
    if (form === AS_HEX) return toHex(this.#take(this.count()));
    return decoder.decode(this.#take(form - AS_TEXT));
  }

  #take(length: number): Uint8Array {
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (length < 0 || bytes.length < length) throw new RangeError("The bytes end within a text.");
    this.#at += length;
    return bytes;
  }
}

/** A call's id as a key of a table: bytes where it is `uuid:n`, else the text. Bytes never equal a text. */
export function callKey(callId: string): ArrayBuffer | string {
  const parts = splitCallId(callId);
  if (parts === null) return callId;
  const writer = new ByteWriter();
  writer.raw(fromHex(parts.uuid.replaceAll("-", "")));
  writer.count(parts.counter);
  return writer.finish();
}

/** The keys of a request's calls lie from `first`, inclusive, to `end`, exclusive. */
export function requestKeys(requestId: string): {
  readonly first: ArrayBuffer | string;
  readonly end: ArrayBuffer | string;
} {
  if (!UUID.test(requestId)) return { first: `${requestId}:`, end: `${requestId};` };
  const first = fromHex(requestId.replaceAll("-", ""));
  const end = new Uint8Array(UUID_BYTES + COUNTER_BYTES_MAX + 1).fill(0xff);
  end.set(first);
  return { first: first.buffer, end: end.buffer };
}

function splitCallId(callId: string): { uuid: string; counter: number } | null {
  if (callId.length <= UUID_LENGTH || callId[UUID_LENGTH] !== ":") return null;
  const uuid = callId.slice(0, UUID_LENGTH);
  const counter = callId.slice(UUID_LENGTH + 1);
  return UUID.test(uuid) && COUNTER.test(counter) ? { uuid, counter: Number(counter) } : null;
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  return bytes;
}

function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

function uuidOf(bytes: Uint8Array): string {
  const hex = toHex(bytes);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
