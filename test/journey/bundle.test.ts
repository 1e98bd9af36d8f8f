// The built Worker stays small: every location that starts it parses all of it first.
import { expect, inject, it } from "vitest";
import { BUNDLE_BYTES_MAX, measureBundle } from "../../worker/cli/size.ts";

it("is at most 500,000 bytes minified, without its weights", async () => {
  expect(BUNDLE_BYTES_MAX).toBe(500_000);
  expect(await measureBundle(inject("bundleFolder"))).toBeLessThanOrEqual(BUNDLE_BYTES_MAX);
});
