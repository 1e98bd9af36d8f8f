// One deploy: what it works with, and how it is described to the plan and to the person at the terminal.
import { StartFailure } from "../failure.ts";
import type { Variables } from "../settings.ts";
import type { Committed } from "./configuration.ts";
import type { Seeds } from "./documents.ts";
import type { Given, Refusal } from "./plan.ts";
import type { Wrangler } from "./wrangler.ts";

export interface DeployOrder {
  readonly wrangler: Wrangler;
  /** wrangler.toml as it is committed, and the folder that it is in. */
  readonly toml: string;
  readonly folder: string;
  readonly committed: Committed;
  readonly seeds: Seeds;
  readonly variables: Variables;
  /** The address, where it is not the one that wrangler names: a custom domain. */
  readonly url: string | null;
  readonly isChatAsked: boolean;
  /** For the address and the configuration to become known. */
  readonly waitMs: number;
  readonly log: (line: string) => void;
}

export function givenOf({ committed, seeds, variables }: DeployOrder): Given {
  return {
    workerName: committed.workerName,
    namespaceTitle: titleOf(committed),
    catalog: seeds.catalog,
    secretChars: new Map(
      Object.entries(variables).map(([name, value]): [string, number] => [name, value.length]),
    ),
  };
}

/** Found again by its name at the next deploy. */
export function titleOf({ workerName, binding }: Committed): string {
  return `${workerName}-${binding.toLowerCase()}`;
}

export function refused(refusals: readonly Refusal[]): StartFailure {
  return new StartFailure(["Nothing was deployed.", ...refusals.map(sayRefusal)].join("\n  "));
}

export function sayRefusal({ problem, remedy }: Refusal): string {
  return `${problem}\n    ${remedy}`;
}
