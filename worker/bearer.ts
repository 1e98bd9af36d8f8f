// A secret of the operator's that opens a part of the gateway: whether it is fit to, and whether a request brings it.

/** 32 random url-safe characters are 192 bits; shorter ones could be guessed, and no fence before them is a wall. */
export const SECRET_CHARS_MIN = 32;

/** Why it opens nothing, for the end of a sentence; null when it may. */
export function faultOfSecret(name: string, value: string | null): string | null {
  if (value === null) return `the secret ${name} is not set`;
  return value.length < SECRET_CHARS_MIN
    ? `the secret ${name} is shorter than ${SECRET_CHARS_MIN} characters`
    : null;
}

/** What the request brings as `Authorization: Bearer ...`; null: nothing of that form. */
export function bearerOf(request: Request): string | null {
  return /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}

/** Hashed first, so that both sides have one length and the comparison's time tells nothing. */
export async function isEqual(given: string, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [left, right] = await Promise.all([
    crypto.subtle.digest("SHA-256", encoder.encode(given)),
    crypto.subtle.digest("SHA-256", encoder.encode(expected)),
  ]);
  return crypto.subtle.timingSafeEqual(left, right);
}
