// What an upstream's error must not tell a caller, and what it may.
import { describe, expect, it } from "vitest";
import { redact } from "../../../../../worker/upstream/wire/redact.ts";

const CALL = { url: "https://gpu-7.internal:8000/v1/chat/completions", secret: "s3cret+of$ours" };

function shown(
  message: string,
  call: { url: string; secret: string | null } = CALL,
): string | null {
  return redact({ message, type: null, code: null, param: null, status: 400 }, call).message;
}

describe("an upstream's words", () => {
  it.each([
    ["the secret s3cret+of$ours was sent", "the secret [hidden] was sent"],
    ["xs3cret+of$oursx", "x[hidden]x"],
    ["Authorization: Bearer abc.def", "Authorization: [hidden]"],
    ["key sk-UPSTREAM is not valid for org-X", "key [hidden] is not valid for [hidden]"],
    ["key sk-proj-ab***************yz", "key [hidden]"],
    ["hf_abcDEF123 and gsk_1234 and AIzaSyA-b_c", "[hidden] and [hidden] and [hidden]"],
    ["no answer from gpu-7.internal:8000", "no answer from [hidden]"],
    ["no answer from GPU-7.internal", "no answer from [hidden]"],
    ["connect 10.0.0.7:8000 refused", "connect [hidden] refused"],
  ])("lose what is not the caller's: %s", (message, out) => {
    expect(shown(message)).toBe(out);
  });

  it.each([
    "`temperature` must be at most 2",
    "This model's maximum context length is 8192 tokens, however you requested 9000 tokens.",
    "task-specific risk-free skeleton-key words, version 1.2.3",
    "https://platform.openai.com/docs/guides",
  ])("keep what is: %s", (message) => {
    expect(shown(message)).toBe(message);
  });

  it("are cut at a host's name only where the word is the host's", () => {
    const call = { url: "http://vllm/v1", secret: null };
    expect(shown("vllm says: vllm-project/vllm2, at vllm.", call)).toBe(
      "[hidden] says: vllm-project/vllm2, at [hidden].",
    );
    expect(shown("as it is", { url: "not an address", secret: null })).toBe("as it is");
  });

  it("are looked through in every field", () => {
    const error = redact(
      { message: null, type: "sk-a1", code: "org-b2", param: "10.0.0.1", status: 400 },
      CALL,
    );
    expect(error).toEqual({
      message: null,
      type: "[hidden]",
      code: "[hidden]",
      param: "[hidden]",
      status: 400,
    });
  });
});
