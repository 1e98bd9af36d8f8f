// One isolate's view of the documents, with a registry that answers, knows nothing or is away.
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { Registry } from "../../../durable/registry.ts";
import type { FoundDocument } from "../../../policies/administration.ts";
import { Configuration, newDocumentCache } from "../../../worker/configuration.ts";
import { newLookupState, registryLookup } from "../../../worker/registry-lookup.ts";

/** Past the isolate's cache of anything. */
export const LATER_MS = 31_000;

/** One isolate's view: its cache lives as long as this. */
export function openReader(find: (name: string, isLost: boolean) => Promise<FoundDocument | null>) {
  const cache = newDocumentCache();
  const asked = vi.fn(find);
  const now = () => Date.now();
  const lookUp = registryLookup(asked, newLookupState(), now);
  return { configuration: new Configuration(env.CONFIGURATION, cache, now, lookUp), asked, cache };
}

export const absent = () => Promise.resolve(null);
export const away = () => Promise.reject(new Error("The registry is away"));

export function found(document: object): FoundDocument {
  return { version: 1, documentText: JSON.stringify(document) };
}

/** What is asked of the real object. */
export function findIn(registry: DurableObjectStub<Registry>) {
  return async (name: string, isLost: boolean) =>
    (await registry.find(name, isLost)) as FoundDocument | null;
}
