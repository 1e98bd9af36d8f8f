// A small pool and prompts for it, for the tests of placement: a token takes a millisecond.
import type { Placement } from "../../../policies/placement.ts";
import type { PlacementOptions } from "../../../policies/placement/contract.ts";

export const OPTIONS: PlacementOptions = {
  replicas: 4,
  blockTokens: 100,
  prefillTokensPerSecond: 1000,
  capacityBlocks: 1000,
  events: true,
};

/** A prompt of so many blocks, its keys from `first` on. */
export function prompt(first: number, length = 10) {
  return {
    blocks: Array.from({ length }, (_, i) => first + i),
    inputTokens: length * OPTIONS.blockTokens,
  };
}

/** Runs a prompt to its end on an otherwise idle pool. */
export function run(
  placement: Placement,
  question: ReturnType<typeof prompt>,
  nowMs: number,
): number {
  const { replica, ticket } = placement.choose(question, nowMs);
  placement.prefillEnded(ticket, nowMs + ticket.uncachedTokens);
  placement.ended(ticket, nowMs + ticket.uncachedTokens + 1000);
  return replica;
}
