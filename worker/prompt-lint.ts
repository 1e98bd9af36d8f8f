// Looks after the answer at how a tenant's prompts are laid out: whether many share most of their text and part so early that
// no cache helps. What is kept are keyed hashes and counts in the isolate, and findings in the tenant's object; never text.
import type { Catalog } from "../policies/catalog.ts";
import type { Policy } from "../policies/policy.ts";
import type { ModelFinding } from "../policies/prefix/findings.ts";
import { PromptLints, LINTS_MAX } from "../policies/prefix/lint.ts";
import type { ReuseHint } from "../policies/prefix/reuse-hint.ts";
import { logError } from "./log.ts";
import type { FeedbackPort } from "./ports.ts";
import { rootOf, type Prompt } from "./prompt.ts";
import { pause, TIMED_OUT, within } from "./stream/wait.ts";

/** Of prompts. A layout shows in a few, and a look takes an agent's a tenth of the gateway's own time, so that the mean is under a hundredth. */
export const LOOKED_SHARE = 0.0625;
/** What an isolate found of a tenant is told at most so often. */
const TELL_MS = 60_000;
const TELL_MS_MAX = 5_000;
/** The answer's last bytes go first. */
const AFTER_MS = 1;

export interface LintMemory {
  readonly lints: PromptLints;
  /** By tenant, when its object was told last. */
  readonly toldMs: Map<string, number>;
  /** Tells what one isolate found from what others did; an id of no meaning. */
  isolate: string | null;
}

export function newLintMemory(): LintMemory {
  return { lints: new PromptLints(), toldMs: new Map(), isolate: null };
}

/** What an explanation says of the caller's prompts. */
export interface PromptLook {
  readonly findings: readonly ModelFinding[];
  /** Of the request itself; null where its policy does not ask for hints. Asking twice is looking once. */
  readonly hint: ((modelId: string) => ReuseHint | null) | null;
}

interface Looked {
  readonly prompt: Prompt;
  /** As the catalog calls it. */
  readonly modelId: string;
  readonly requestId: string;
}

export class PromptLinter {
  readonly #memory: LintMemory;
  readonly #reach: (tenantId: string) => Pick<FeedbackPort, "keepFindings">;
  readonly #surroundings: { now(): number; chance(): number; newId(): string };
  /** Requests whose prompts were looked at already. */
  readonly #seen = new WeakSet<Prompt>();

  constructor(
    memory: LintMemory,
    reach: (tenantId: string) => Pick<FeedbackPort, "keepFindings">,
    surroundings: { now(): number; chance(): number; newId(): string },
  ) {
    this.#memory = memory;
    this.#reach = reach;
    this.#surroundings = surroundings;
  }

  explain(
    prompt: Prompt,
    requestId: string,
    catalog: Catalog,
    { reuseHints }: Pick<Policy, "reuseHints">,
  ): PromptLook {
    let told: ReuseHint | null = null;
    const hint = (modelId: string): ReuseHint | null => {
      if (!this.#seen.has(prompt)) told = this.#see({ prompt, modelId, requestId });
      return told;
    };
    const findings = this.#findings(prompt.tenantId, catalog);
    return { findings, hint: reuseHints ? hint : null };
  }

  /** After the answer, for a share of prompts. Never throws, and nothing waits for it. */
  async look(looked: Looked, catalog: Catalog): Promise<void> {
    const { tenantId } = looked.prompt;
    if (this.#surroundings.chance() >= LOOKED_SHARE) return;
    await pause(AFTER_MS, new AbortController().signal);
    if (!this.#seen.has(looked.prompt)) this.#see(looked);
    if (!this.#isDue(tenantId)) return;
    const findings = this.#findings(tenantId, catalog);
    if (findings.length === 0) return;
    this.#memory.toldMs.set(tenantId, this.#surroundings.now());
    await this.#tell(tenantId, findings);
  }

  #see({ prompt, modelId, requestId }: Looked): ReuseHint | null {
    this.#seen.add(prompt);
    const { tenantId } = prompt;
    const root = rootOf({ namespace: tenantId, model: modelId });
    return this.#memory.lints.of(root, nameOf(tenantId, modelId)).see(prompt.texts, requestId);
  }

  #findings(tenantId: string, { models }: Catalog): ModelFinding[] {
    return models
      .flatMap(({ id: model }) =>
        (this.#memory.lints.find(nameOf(tenantId, model))?.findings() ?? []).map((finding) => ({
          ...finding,
          model,
        })),
      )
      .toSorted((a, b) => b.prompts - a.prompts);
  }

  #isDue(tenantId: string): boolean {
    const { toldMs } = this.#memory;
    const nowMs = this.#surroundings.now();
    if (toldMs.size > LINTS_MAX)
      for (const [id, atMs] of toldMs) if (nowMs - atMs >= TELL_MS) toldMs.delete(id);
    return nowMs - (toldMs.get(tenantId) ?? -Infinity) >= TELL_MS;
  }

  async #tell(tenantId: string, findings: readonly ModelFinding[]): Promise<void> {
    this.#memory.isolate ??= this.#surroundings.newId();
    try {
      const kept = this.#reach(tenantId).keepFindings(this.#memory.isolate, findings);
      if ((await within(kept, TELL_MS_MAX)) === TIMED_OUT)
        throw new Error(`no answer within ${TELL_MS_MAX} ms`);
    } catch (error) {
      logError("prompt-findings-lost", { tenant: tenantId, problem: String(error) });
    }
  }
}

/** A tenant's id holds no quote, so that no pair spells another. */
function nameOf(tenantId: string, modelId: string): string {
  return JSON.stringify([tenantId, modelId]);
}
