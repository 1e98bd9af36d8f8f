// What the prefix index costs by itself, in this process: naming the blocks of a prompt of 131,072 tokens, deciding where
// it goes among a million entries, taking in what engines report, and memory. Nothing here waits, so that what a clock says
// is its CPU time and whatever else the machine did meanwhile.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createPlacement, type Placement } from "../../policies/placement.ts";
import { BLOCK_TOKENS, prefixRoot, tokenKeys, unitKeys } from "../../policies/prefix/keyed-hash.ts";
import { seeded } from "../../policies/replay/random.ts";
import { promptTexts } from "../../worker/upstream/wire/prompt-texts.ts";

const PROMPT_TOKENS = 131_072;
const PROMPT_UNITS = 4 * PROMPT_TOKENS;
const PROMPT_BLOCKS = PROMPT_TOKENS / BLOCK_TOKENS;
const MESSAGES = 200;
const REPLICAS = 8;
const ENTRIES = 2 ** 20;
/** Different prompts that fill the index. */
const PROMPTS = ENTRIES / PROMPT_BLOCKS;
const WARM_RUNS = 100;
const RUNS = 400;
const DECISIONS = 2000;
/** Blocks that an engine reports at once. */
const REPORTED_BLOCKS = 64;
const REPORTS = 8000;

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}

export interface PrefixCost {
  readonly promptTokens: number;
  readonly entries: number;
  /** From the body that goes out to the keys of its whole prompt. */
  readonly keysOfBodyMs: Percentiles;
  readonly keysOfTokensMs: Percentiles;
  /** Of a prompt that one of eight replicas holds the most of. */
  readonly decisionMs: Percentiles;
  readonly bytesPerEntry: number;
  /** Blocks stored and removed, in an index that is full. */
  readonly reportedPerSecond: number;
}

export function measurePrefix(seed = 1): PrefixCost {
  const root = prefixRoot(new Uint8Array(32).fill(seed), {
    model: "bench",
    revision: "",
    adapter: "",
    namespace: "bench",
    domain: "tokens64",
  });
  const draw = seeded(seed);
  const body = longBody(draw);
  const ids = Uint32Array.from({ length: PROMPT_TOKENS }, () => draw() * 150_000);
  const keysOfBodyMs = percentiles(RUNS, () => () => unitKeys(root, promptTexts(body), Infinity));
  const keysOfTokensMs = percentiles(RUNS, () => () => tokenKeys(root, ids, Infinity));

  const prompts = Array.from({ length: PROMPTS }, (_, i) => {
    ids[0] = i;
    return tokenKeys(root, ids, PROMPT_BLOCKS);
  });
  const before = usedBytes();
  const placement = createPlacement({
    replicas: REPLICAS,
    blockTokens: BLOCK_TOKENS,
    prefillTokensPerSecond: 10_000,
    capacityBlocks: ENTRIES / REPLICAS,
    events: true,
  });
  for (const [i, keys] of prompts.entries()) placement.stored(i % REPLICAS, keys);
  const bytesPerEntry = (usedBytes() - before) / ENTRIES;
  return {
    promptTokens: PROMPT_TOKENS,
    entries: ENTRIES,
    keysOfBodyMs,
    keysOfTokensMs,
    decisionMs: measureDecisions(placement, prompts, draw),
    bytesPerEntry,
    reportedPerSecond: measureReports(placement, prompts, draw),
  };
}

/** A conversation as clients send it: other words in every message. */
function longBody(draw: () => number): string {
  const content = () => {
    let text = "";
    while (text.length < PROMPT_UNITS / MESSAGES) text += `${draw().toString(36).slice(2, 8)} `;
    return text;
  };
  const messages = Array.from({ length: MESSAGES }, (_, i) => ({
    role: i % 2 === 0 ? "user" : "assistant",
    content: content(),
  }));
  return JSON.stringify({ model: "bench", messages, stream: true });
}

/** Turns of known conversations: as long as before, with up to an eighth of it new. */
function measureDecisions(
  placement: Placement,
  prompts: readonly Float64Array[],
  draw: () => number,
): Percentiles {
  let nowMs = 0;
  let fresh = 1;
  let ended = (): void => {};
  return percentiles(DECISIONS, () => {
    ended();
    const known = prompts[Math.floor(draw() * prompts.length)]!;
    const blocks = known.slice();
    for (let i = Math.floor(PROMPT_BLOCKS * (1 - draw() / 8)); i < PROMPT_BLOCKS; i++)
      blocks[i] = fresh++;
    nowMs += 2000;
    return () => {
      const { ticket } = placement.choose({ blocks, inputTokens: PROMPT_TOKENS }, nowMs);
      ended = () => {
        placement.prefillEnded(ticket, nowMs + 1000);
        placement.ended(ticket, nowMs + 1500);
      };
    };
  });
}

/** One report of a removal for each of a store, as of an engine that is full. */
function measureReports(
  placement: Placement,
  prompts: readonly Float64Array[],
  draw: () => number,
): number {
  const startedAt = performance.now();
  for (let i = 0; i < REPORTS; i++) {
    const keys = prompts[Math.floor(draw() * prompts.length)]!;
    const from = REPORTED_BLOCKS * Math.floor((draw() * PROMPT_BLOCKS) / REPORTED_BLOCKS);
    const reported = keys.subarray(from, from + REPORTED_BLOCKS);
    placement.removed(i % REPLICAS, reported);
    placement.stored((i + 1) % REPLICAS, reported);
  }
  return (2 * REPORTS * REPORTED_BLOCKS * 1000) / (performance.now() - startedAt);
}

/** Of what `prepare` answers, each time anew; the preparation is not counted. */
function percentiles(count: number, prepare: () => () => unknown): Percentiles {
  const times: number[] = [];
  for (let i = -WARM_RUNS; i < count; i++) {
    const run = prepare();
    const startedAt = performance.now();
    run();
    if (i >= 0) times.push(performance.now() - startedAt);
  }
  times.sort((one, other) => one - other);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))]!;
  return { p50: at(0.5), p99: at(0.99) };
}

function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  // What the first one found dead of buffers is given back by the second.
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
