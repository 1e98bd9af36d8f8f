// What a request's life needs from outside, named once. Below the entry nothing sees the environment itself,
// so every step takes just what it uses, and a test can stand in for any of it.
import type { Features } from "../classifiers/features.ts";
import type { Breakers } from "./breakers.ts";
import type { BudgetPrices } from "./budget-prices.ts";
import type { Configuration } from "./configuration.ts";
import type { Conversations } from "./conversations.ts";
import type { DifficultyHeads } from "./difficulty-heads.ts";
import type { Emergency } from "./emergency.ts";
import type { HeadSnapshots } from "./head-snapshots.ts";
import type { RecordSink } from "./learn.ts";
import type { Lessons } from "./lessons.ts";
import type { Owed } from "./owed.ts";
import type { FeedbackPort, HeadPort, LedgerPort, PoolPort } from "./ports.ts";
import type { PromptLinter } from "./prompt-lint.ts";
import type { ProviderCaches } from "./provider-caches.ts";
import type { Strategy } from "./strategy/strategy.ts";
import type { TenantLedgers } from "./tenant-ledgers.ts";

export interface Dependencies {
  /** Reads a query, in microseconds and without a call. */
  readonly probe: (text: string) => Features;
  readonly configuration: Configuration;
  readonly breakers: Breakers;
  readonly conversations: Conversations;
  /** A fresh stub at every call: one that threw is broken for good. */
  ledgerOf(name: string): LedgerPort;
  readonly ledgers: TenantLedgers;
  readonly prices: BudgetPrices;
  readonly emergency: Emergency;
  readonly owed: Owed;
  /** The prefix index of an upstream that has a pool; a fresh stub at every call, as well. */
  poolOf(upstreamId: string): PoolPort;
  feedbackOf(tenantId: string): FeedbackPort;
  headOf(tenantId: string, policyName: string): HeadPort;
  /** What providers are likely to have cached. */
  readonly providerCaches: ProviderCaches;
  /** Looks at how prompts are laid out. */
  readonly linter: PromptLinter;
  /** What heads have learned, as this isolate last read it. */
  readonly heads: HeadSnapshots;
  /** Brings them what became of requests. */
  readonly lessons: Lessons;
  /** What reads difficulty from hidden states, for policies that ask for it. */
  readonly difficultyHeads: DifficultyHeads;
  /** The secret of that name; null when it is not set. */
  secret(name: string): string | null;
  readonly strategyOf: (id: string) => Strategy | null;
  /** Takes what is kept of a request when it is over. */
  readonly record: RecordSink;
  /** A span round a step, in the platform's own tracing: nothing where a request is not sampled. */
  readonly span: <T>(name: "plan" | "hold" | "attempt", work: () => T) => T;
  readonly now: () => number;
  newId(): string;
  /** 0..1, for jitter and for what a policy explores. */
  chance(): number;
  /** Lets work go on after the answer: at most 30 s after the client left, on Cloudflare. */
  finish(work: Promise<unknown>): void;
}
