// What becomes of an upstream's refusal for the caller: its words where they are words, and its advice within reason.
import { describe, expect, it, vi } from "vitest";
import { hearRefusal, readRetryAfter } from "../../../worker/hear-refusal.ts";
import { refusal } from "../../../worker/trouble.ts";
import { readErrorText } from "../../../worker/upstream/wire/read-error.ts";

const NOW_MS = Date.UTC(2026, 10, 1, 12);

describe("a refusal", () => {
  const messageOf = (text: string): unknown => {
    const { failure } = refusal(400, readErrorText(text), null, 0).trouble;
    return failure.kind === "upstream-refused" ? failure.message : failure.kind;
  };

  it("keeps the words of an error that has the form of one", () => {
    expect(messageOf('{"error":{"message":"n is too large"}}')).toBe("n is too large");
  });

  it.each([
    "<html>Traceback: /srv/serve.py</html>",
    "{}",
    "[1]",
    "",
    '{"headers":{"authorization":"x"}}',
  ])("of another form says a sentence of ours: %j", (text) => {
    expect(messageOf(text)).toBe(
      "The upstream refused the request and gave no reason that can be shown.",
    );
  });
});

describe("advice to try again", () => {
  it.each([
    ["0", 0],
    ["1.5", 1500],
    ["30", 30_000],
    ["1e300", 3_600_000],
    ["Infinity", 3_600_000],
    ["Sun, 01 Nov 2026 12:00:10 GMT", 10_000],
    ["Sun, 01 Nov 2026 11:00:00 GMT", 0],
    ["Mon, 01 Nov 2027 12:00:00 GMT", 3_600_000],
    ["-5", null],
    ["soon", null],
    ["", null],
    [null, null],
  ])("of %j is %j ms", (header, waitMs) => {
    expect(readRetryAfter(header, NOW_MS)).toBe(waitMs);
  });
});

it("is told without what is not the caller's, and with the advice that came with it", () => {
  const call = { url: "http://gpu-7.internal:8000/v1", secret: "s3cret-of-ours" };
  const text = '{"error":{"message":"s3cret-of-ours at gpu-7.internal:8000 is wrong"}}';
  const hear = (status: number): unknown => {
    const response = new Response(null, { status, headers: { "retry-after": "7" } });
    return hearRefusal(response, text, call, NOW_MS, 0).trouble.failure;
  };
  const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
  expect(hear(400)).toMatchObject({ message: "[hidden] at [hidden] is wrong" });
  expect(hear(429)).toEqual({ kind: "upstream-busy", retryAfterMs: 7000 });
  log.mockRestore();
});
