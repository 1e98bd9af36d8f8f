// What a local gateway stands in front of, and the documents that say so: one real engine, or the simulator.
import { startSimulator } from "../../test/simulator/simulator.ts";
import { hashSecret, readSeeds, type Documents } from "./documents.ts";
import { bindPolicies, buildCatalog, type OneUpstream } from "./one-upstream.ts";
import type { Variables } from "./settings.ts";

const ID_DIGITS = 8;

export interface OpenUpstream {
  /** What to say of it, in the middle of a sentence. */
  readonly name: string;
  /** Reads the seeds again each time, so that a change of them is seen. */
  readonly readDocuments: () => Promise<Documents>;
  readonly close: () => Promise<void>;
}

/** The engine that the settings name, or the simulator in this process. */
export async function openUpstream(
  one: OneUpstream | null,
  seedFolder: string,
  secret: string,
): Promise<OpenUpstream> {
  // Named by its hash: an id is taken for good, and a key that is made anew is another one.
  const keys = [
    {
      secret,
      document: {
        id: `demo-${hashSecret(secret).slice(0, ID_DIGITS)}`,
        tenant: "demo",
        name: "Demo",
      },
    },
  ];
  if (one !== null) {
    return {
      name: `${one.model} at ${one.baseUrl}`,
      readDocuments: async () => {
        const seeds = await readSeeds(seedFolder);
        const policies = bindPolicies(seeds.policies, one.model);
        return { ...seeds, catalog: buildCatalog(one), policies, keys };
      },
      close: () => Promise.resolve(),
    };
  }
  const simulator = await startSimulator({ port: 0 });
  return {
    name: "the simulator, an engine that makes its answers up",
    readDocuments: async () => {
      const seeds = await readSeeds(seedFolder);
      return { ...seeds, catalog: pointSimulator(seeds.catalog, `${simulator.url}/v1`), keys };
    },
    close: () => simulator.close(),
  };
}

/**
 * The seeded upstream of this name at the address that the simulator got; one that an operator added stays
 * where it is. What is not a catalog is left for the check to refuse.
 */
function pointSimulator(catalog: unknown, baseUrl: string): unknown {
  const { upstreams, ...rest } = catalog as { readonly upstreams?: unknown };
  if (!Array.isArray(upstreams)) return catalog;
  return {
    ...rest,
    upstreams: upstreams.map((upstream: { readonly id?: unknown }) =>
      upstream.id === "simulator" ? { ...upstream, baseUrl } : upstream,
    ),
  };
}

/** Of this machine's variables those that the seeded catalog names, and those that .dev.vars gives; no other. */
export function pickSecrets(
  catalog: unknown,
  namesInFile: readonly string[],
  variables: Variables,
): Readonly<Record<string, string>> {
  const { upstreams } = catalog as {
    readonly upstreams?: readonly {
      readonly secret?: string;
      readonly pool?: { readonly secret?: string };
    }[];
  };
  const named = (upstreams ?? []).flatMap(({ secret, pool }) => [secret ?? [], pool?.secret ?? []]);
  const names = [...named.flat(), ...namesInFile];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
