// What a caller may set about a simulated engine: its seed, its replicas and its pace.
// The defaults let a person watch tokens arrive, yet end every answer within 10 s.

import { ENGINE_DIALECTS } from "./dialects/table.ts";

export type SimulatorSettings = {
  /** Which engine `/v1` passes for; `/as/NAME/v1` passes for any other beside it. */
  readonly engine: string;
  /** Every draw of chance hangs on it: the same seed and request give the same answer. */
  readonly seed: number;
  /** 0 asks the system for any free port. */
  readonly port: number;
  /** Engines behind one port, each with its own prefix cache, addressed as `/r0/v1`, `/r1/v1`, ... */
  readonly replicas: number;
  /** Charged for each prompt token that the prefix cache did not hold. */
  readonly prefillMsPerToken: number;
  readonly decodeMsPerToken: number;
  /** Waited before anything else, as a queue and a network would. */
  readonly firstByteMs: number;
  /** The pace of a long answer is scaled up so that the whole of it ends by then. */
  readonly answerMsMax: number;
  /** Tokens in one stream event. */
  readonly chunkTokens: number;
  /** That one prefix cache holds, and the tokens of each. */
  readonly cacheBlocks: number;
  readonly cacheBlockTokens: number;
  /** By which blocks are named: another one after each start, as the engines draw it. */
  readonly cacheSeed: number;
  /** A cache that finds a prompt under every salt, as some that hold blocks outside the engine do. */
  readonly ignoresSalts: boolean;
  /** A replica computes one prompt after another, so that load delays; otherwise requests do not slow each other. */
  readonly queuesPrefill: boolean;
};

export const defaultSettings: SimulatorSettings = {
  engine: "vllm",
  seed: 1,
  port: 0,
  replicas: 1,
  prefillMsPerToken: 0.05,
  decodeMsPerToken: 4,
  firstByteMs: 30,
  // 10 s are promised to a reader; the rest is left to a slow machine's timers.
  answerMsMax: 8_000,
  chunkTokens: 4,
  // 2 million tokens: about what one engine holds, and some 10 MB of this process.
  cacheBlocks: 131_072,
  cacheBlockTokens: 16,
  cacheSeed: 0,
  ignoresSalts: false,
  queuesPrefill: false,
};

/** For benches: nothing waits, so that only the measured thing takes time. */
export const noLatency: Partial<SimulatorSettings> = {
  prefillMsPerToken: 0,
  decodeMsPerToken: 0,
  firstByteMs: 0,
};

/** More replicas than a test needs, few enough that their caches stay small. */
const replicasMax = 64;

/** Fills in the defaults; throws on what can only be a mistake of the caller's code. */
export function completeSettings(given: Partial<SimulatorSettings>): SimulatorSettings {
  const settings = { ...defaultSettings, ...given };
  const { engine, queuesPrefill: _, ignoresSalts: __, ...numbers } = settings;
  if (!ENGINE_DIALECTS.has(engine))
    throw new RangeError(
      `engine must be one of ${[...ENGINE_DIALECTS.keys()].join(", ")}, got ${engine}`,
    );
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value) || value < 0)
      throw new RangeError(`${name} must be a number from 0, got ${value}`);
  }
  if (settings.replicas < 1 || settings.replicas > replicasMax) {
    throw new RangeError(`replicas must be 1 to ${replicasMax}, got ${settings.replicas}`);
  }
  for (const name of ["chunkTokens", "cacheBlocks", "cacheBlockTokens"] as const)
    if (settings[name] < 1)
      throw new RangeError(`${name} must be at least 1, got ${settings[name]}`);
  return settings;
}
