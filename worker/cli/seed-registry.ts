// Brings seeds to a running gateway's registry, which publishes them to KV: all of them when it is empty, and otherwise
// only what no operator has changed since.
import { setTimeout as sleep } from "node:timers/promises";
import type {
  Export,
  ImportAnswer,
  ImportOptions,
  Publication,
} from "../../policies/administration.ts";
import { sayFault, type Composed } from "./documents.ts";
import { StartFailure } from "./failure.ts";
import { mergeSeeds } from "./merge-seeds.ts";

/** As the registry's stub answers it. */
export interface SeedableRegistry {
  exportAll(): Promise<Export>;
  importAll(documentText: string, actor: string, options: ImportOptions): Promise<ImportAnswer>;
  publication(): Promise<Pick<Publication, "unpublishedCount" | "unpublished">>;
}

/** What the audit says of who wrote a seed. */
const ACTOR = "seeds";
/** On one machine KV holds a document milliseconds after it was put. */
const PUBLISHED_MS_MAX = 5_000;
const POLL_MS = 20;

export async function seedRegistry(
  registry: SeedableRegistry,
  brought: Composed,
  last: Composed | null,
): Promise<void> {
  const { documentText, revision } = await registry.exportAll();
  const standing = JSON.parse(documentText) as Composed;
  // A catalog cannot be removed, so there is none only before the first.
  const document = standing.catalog === null ? brought : mergeSeeds({ brought, last, standing });
  const answer = await registry.importAll(JSON.stringify(document), ACTOR, {
    expectedRevision: revision,
    areSecretsLater: true,
  });
  if (answer.kind === "faulty") {
    const lines = answer.faults.map(sayFault);
    throw new StartFailure(
      ["What this start brings does not fit what operators wrote:", ...lines].join("\n  "),
    );
  }
  if (answer.kind === "stale")
    throw new StartFailure("Somebody wrote during the start; try again.");
  await untilPublished(registry);
}

/** Requests read from KV, so a gateway that is told to be ready should have it filled. */
async function untilPublished(registry: SeedableRegistry): Promise<void> {
  const endsAtMs = Date.now() + PUBLISHED_MS_MAX;
  for (;;) {
    const { unpublishedCount, unpublished } = await registry.publication();
    if (unpublishedCount === 0) return;
    if (Date.now() > endsAtMs) {
      const names = unpublished.map(({ kind, id }) => `${kind} ${id.slice(0, 64)}`);
      throw new StartFailure(`KV does not take ${names.join(", ")}.`);
    }
    await sleep(POLL_MS);
  }
}
