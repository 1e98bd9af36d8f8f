// Waits a moment for KV to hold what was just written, so that as a rule whoever hears of a write can use it.
import type { DocumentKind } from "../../policies/administration.ts";
import { pause } from "../stream/wait.ts";
import { askRegistry } from "./ask.ts";
import type { Call } from "./route.ts";

/** A write waits so long, in turn; where KV is slower, the answer says that it is not published. */
const WAITS_MS = [10, 20, 40, 80, 160, 320];

export function isPublishedSoon(
  call: Call,
  kind: DocumentKind,
  id: string,
  version: number,
): Promise<boolean> {
  return isSoon(call, async () => {
    const stored = await askRegistry(call.deps, (registry) => registry.read(kind, id));
    // A later write came in between; whether that is published is its own answer's matter.
    if (stored === null || stored.version !== version) return "never";
    return stored.isPublished ? "now" : "later";
  });
}

export function isAllPublishedSoon(call: Call): Promise<boolean> {
  return isSoon(call, async () => {
    const { unpublishedCount } = await askRegistry(call.deps, (registry) => registry.publication());
    return unpublishedCount === 0 ? "now" : "later";
  });
}

async function isSoon(
  { request }: Call,
  look: () => Promise<"now" | "later" | "never">,
): Promise<boolean> {
  for (const waitMs of WAITS_MS) {
    await pause(waitMs, request.signal);
    try {
      const seen = await look();
      if (seen !== "later") return seen === "now";
    } catch {
      // It was written; that nobody can say whether KV has it is just what `false` means.
      return false;
    }
  }
  return false;
}
