// The trained weights as bytes: opens what classifiers/train/ wrote, checks it whole, and lays it out for reading.
import { CUE_GROUPS, readCues, type CueGroup, type Cues } from "./cues.ts";
import { OUTPUTS, type Network, type Standard } from "./network.ts";
import { SIGNAL_NAMES } from "./signals.ts";
import { makeVocabulary, type Vocabulary } from "./vocabulary.ts";

/** Raised whenever grams, signals or the arithmetic change: other weights would be read as nonsense. */
export const WEIGHTS_VERSION = 3;
/** The first bytes of a file of weights. */
export const MAGIC = "sluice-probe\n";
/** What ships may have at most this many bytes (issue: 1 MB); other files are not opened. */
export const WEIGHTS_BYTES_MAX = 1_048_576;
/** Trained numbers stay below 100; beyond this the arithmetic could leave what a number can hold. */
const NUMBER_MAX = 1e6;
/** The header is one JSON text of numbers and names; a few thousand bytes in practice. */
const HEADER_BYTES_MAX = 65_536;

/** A line through a blend's log-odds: level, slope, and what slope is lost with novelty (README.md, calibration). */
export interface Line {
  readonly level: number;
  readonly slope: number;
  readonly perNovelty: number;
}

export interface Header {
  readonly version: number;
  readonly signals: readonly string[];
  readonly words: number;
  readonly networks: readonly { readonly width: number; readonly hidden: number }[];
  /** By group the words that the signals count, with a blank between two (cues.ts). */
  readonly cues: Readonly<Record<CueGroup, string>>;
  /** What of `hard` and of `difficulty` comes from failing, demands and the anchor of length. */
  readonly hard: Line & { readonly fails: number; readonly anchor: number };
  readonly difficulty: Line & { readonly fails: number; readonly anchor: number };
  /** The anchor: weights of standardised signals that order questions of families nobody trained on. */
  readonly anchor: Readonly<Record<string, number>>;
  /** Novelty at which half of the confidence is gone, and how steeply. */
  readonly novelty: { readonly middle: number; readonly steepness: number };
  /** Who made it: seed, queries, excluded sources. Shown by the report, read by nobody. */
  readonly made: Readonly<Record<string, unknown>>;
}

export interface Weights {
  readonly header: Header;
  readonly cues: Cues;
  readonly vocabulary: Vocabulary;
  readonly standard: Standard;
  readonly networks: readonly Network[];
  /** Weights of the anchor by signal, most of them 0. */
  readonly anchor: Float32Array;
  /** Mean and spread of the hidden units, by which `represent` counts. */
  readonly units: Standard;
}

export type Opened =
  | { readonly kind: "opened"; readonly weights: Weights }
  | { readonly kind: "unreadable"; readonly problem: string };

/** Never throws. Costs about 2 ms for a megabyte, so it is done once, when a program starts. */
export function openWeights(bytes: Uint8Array): Opened {
  if (bytes.length > WEIGHTS_BYTES_MAX)
    return unreadable(`has ${bytes.length} bytes, more than ${WEIGHTS_BYTES_MAX}`);
  const start = new TextDecoder().decode(bytes.subarray(0, MAGIC.length));
  if (start !== MAGIC)
    return unreadable("does not begin as weights do; make them with npm run train");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < MAGIC.length + 4) return unreadable("ends within its head");
  const headerBytes = view.getUint32(MAGIC.length, true);
  const from = MAGIC.length + 4;
  if (headerBytes > HEADER_BYTES_MAX || from + headerBytes > bytes.length)
    return unreadable("ends within its header");
  const header = readHeader(bytes.subarray(from, from + headerBytes));
  if (typeof header === "string") return unreadable(header);
  const wanted = from + headerBytes + bodyBytes(header);
  if (bytes.length !== wanted)
    return unreadable(`has ${bytes.length} bytes, not the ${wanted} that its header tells of`);
  const body = new Sections(bytes, from + headerBytes);
  const keys = body.ints(header.words);
  const standard = {
    mean: body.floats(SIGNAL_NAMES.length),
    deviation: body.floats(SIGNAL_NAMES.length),
  };
  const networks = header.networks.map(({ width, hidden }) => ({
    width,
    hidden,
    scale: body.floats(width),
    first: body.floats(hidden * (width + SIGNAL_NAMES.length)),
    second: body.floats(OUTPUTS * hidden),
    direct: body.floats(OUTPUTS * SIGNAL_NAMES.length),
    embedding: body.bytes(header.words * width),
  }));
  const hidden = header.networks.reduce((sum, network) => sum + network.hidden, 0);
  const units = { mean: body.floats(hidden), deviation: body.floats(hidden) };
  if (!body.isSound) return unreadable(`holds a number that is not finite or beyond ${NUMBER_MAX}`);
  if (![...standard.deviation, ...units.deviation].every((deviation) => deviation > 0))
    return unreadable("holds a deviation that is not above 0");
  if (keys.includes(0) || new Set(keys).size !== keys.length)
    return unreadable("holds a word twice, or the key 0");
  const anchor = Float32Array.from(SIGNAL_NAMES, (name) => header.anchor[name] ?? 0);
  const vocabulary = makeVocabulary(keys);
  return {
    kind: "opened",
    weights: { header, cues: readCues(header.cues), vocabulary, standard, networks, anchor, units },
  };
}

function unreadable(problem: string): Opened {
  return { kind: "unreadable", problem };
}

/** Bytes after the header: whole numbers and floats have four each, embedded ones one. */
function bodyBytes({ words, networks }: Header): number {
  const signals = SIGNAL_NAMES.length;
  const own = networks.map(({ width, hidden }) => {
    const floats = width + hidden * (width + signals) + OUTPUTS * (hidden + signals) + 2 * hidden;
    return floats * 4 + words * width;
  });
  return own.reduce((sum, bytes) => sum + bytes, (words + 2 * signals) * 4);
}

/** The header, or what is wrong with it. */
function readHeader(bytes: Uint8Array): Header | string {
  let header: Header;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    ) as Header;
  } catch {
    return "has a header that is not JSON";
  }
  if (header?.version !== WEIGHTS_VERSION)
    return `are of version ${JSON.stringify(header?.version)}, and this build reads ${WEIGHTS_VERSION}`;
  if (JSON.stringify(header.signals) !== JSON.stringify(SIGNAL_NAMES))
    return "were trained on other signals than this build reads";
  if (!Array.isArray(header.networks)) return "have no list of networks";
  const sizes = [
    header.words,
    ...header.networks.flatMap((network) => [network?.width, network?.hidden]),
  ];
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0 && size <= WEIGHTS_BYTES_MAX))
    return "tell of sizes that cannot be";
  if (header.networks.length === 0 || header.networks.some(isMisshapen))
    return "have no network, or a linear one of another width than its outputs";
  if (!CUE_GROUPS.every((group) => typeof header.cues?.[group] === "string"))
    return "lack the words of a group of cues";
  const { hard, difficulty, novelty, anchor } = header;
  if (![anchor, header.made].every((entry) => typeof entry === "object" && entry !== null))
    return "lack the anchor or who made them in their header";
  const numbers = [hard, difficulty].flatMap((line) => [
    line?.level,
    line?.slope,
    line?.perNovelty,
    line?.fails,
    line?.anchor,
  ]);
  numbers.push(novelty?.middle, novelty?.steepness, ...Object.values(anchor));
  return numbers.every(isSound) ? header : "lack a number in their header";
}

function isSound(number: unknown): boolean {
  return typeof number === "number" && Math.abs(number) <= NUMBER_MAX;
}

function isMisshapen({ width, hidden }: Header["networks"][number]): boolean {
  return hidden === 0 && width !== OUTPUTS;
}

/** Reads one section after the other; copies, because a view of other numbers must begin on its own boundary. */
class Sections {
  isSound = true;
  readonly #bytes: Uint8Array;
  #end: number;

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes;
    this.#end = from;
  }

  bytes(length: number): Int8Array {
    return new Int8Array(this.#take(length));
  }

  ints(length: number): Int32Array {
    return new Int32Array(this.#take(length * 4));
  }

  floats(length: number): Float32Array {
    const read = new Float32Array(this.#take(length * 4));
    this.isSound &&= read.every(isSound);
    return read;
  }

  #take(length: number): ArrayBuffer {
    const from = this.#end;
    this.#end += length;
    return Uint8Array.from(this.#bytes.subarray(from, this.#end)).buffer;
  }
}
