// A CPU profile from inside the runtime: V8's sampling profiler, asked through the inspector's protocol while the load
// runs, and summed to the functions that took the time, each at its place in the source.
import { readdir, readFile } from "node:fs/promises";
import { SourceMap, type SourceMapping } from "node:module";
import { join, relative } from "node:path";

const REPOSITORY = join(import.meta.dirname, "..", "..");

/** A request takes hundreds of microseconds, so a sample every hundred sees each of them a few times. */
const SAMPLING_MICROS = 100;

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0, as is the column. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
  /** Samples by line, from 1: a hot call of the runtime shows at the line that makes it. */
  readonly positionTicks?: readonly { readonly line: number; readonly ticks: number }[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** Microseconds since the sample before, one for each sample. */
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  /** `ours`: a file of this repository; `packages`: one of node_modules; `engine`: the rest of what V8 names. */
  readonly owner: "ours" | "packages" | "engine" | "collector" | "outside";
  readonly name: string;
  /** `worker/run.ts:12`, or empty when it has no source. */
  readonly place: string;
  readonly micros: number;
  /** With all that it called; what it awaited is not its own. */
  readonly totalMicros: number;
  /** The lines of its source that were seen running, by their share of `micros`, most first. */
  readonly lines: readonly { readonly line: number; readonly share: number }[];
}

/** The bench's Workers have one script; the runtime's own have other names and no map here. */
const SCRIPT = "index.js";
/** Behind the last column of any line. */
const COLUMN_MAX = 100_000;

/** What V8 calls its own; the collector runs on the isolate's thread, all else of these is outside JavaScript. */
const COLLECTOR = "(garbage collector)";
const OUTSIDE = new Set(["(program)", "(idle)", "(root)"]);

/** Profiles the Worker while `work` runs. Self time by function over the whole of it, most first. */
export async function profileDuring(
  inspectorUrl: string,
  bundle: string,
  work: () => Promise<void>,
): Promise<readonly SelfTime[]> {
  const session = await attach(inspectorUrl);
  try {
    await session.send("Profiler.enable");
    await session.send("Profiler.setSamplingInterval", { interval: SAMPLING_MICROS });
    await session.send("Profiler.start");
    await work();
    const { profile } = (await session.send("Profiler.stop")) as { readonly profile: Profile };
    return sum(profile, await readMap(bundle));
  } finally {
    session.close();
  }
}

interface Session {
  send(method: string, params?: object): Promise<unknown>;
  close(): void;
}

/** To the one Worker of a runtime, through its inspector. */
export async function attach(inspectorUrl: string): Promise<Session> {
  const list = new URL("/json", inspectorUrl.replace(/^ws/, "http"));
  const [worker] = (await (await fetch(list)).json()) as { webSocketDebuggerUrl: string }[];
  if (worker === undefined) throw new Error("The inspector lists no Worker.");
  const socket = new WebSocket(worker.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("No inspector.")), { once: true });
  });
  const waiting = new Map<
    number,
    { resolve(result: unknown): void; reject(problem: Error): void }
  >();
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as {
      readonly id?: number;
      readonly result?: unknown;
      readonly error?: { readonly message: string };
    };
    if (id === undefined) return;
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) asked?.resolve(result);
    else asked?.reject(new Error(`The inspector refuses: ${error.message}`));
  });
  socket.addEventListener("close", () => {
    for (const asked of waiting.values()) asked.reject(new Error("The inspector went away."));
  });
  let last = 0;
  return {
    send: (method, params = {}) =>
      new Promise((resolve, reject) => {
        last += 1;
        waiting.set(last, { resolve, reject });
        socket.send(JSON.stringify({ id: last, method, params }));
      }),
    close: () => socket.close(),
  };
}

async function readMap(bundle: string): Promise<SourceMap> {
  const [file] = (await readdir(bundle)).filter((name) => name.endsWith(".js.map"));
  if (file === undefined) throw new Error(`${bundle} holds no source map.`);
  return new SourceMap(
    JSON.parse(await readFile(join(bundle, file), "utf8")) as ConstructorParameters<
      typeof SourceMap
    >[0],
  );
}

function sum(profile: Profile, map: SourceMap): readonly SelfTime[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const micros = new Map<number, number>();
  for (const [at, id] of profile.samples.entries())
    micros.set(id, (micros.get(id) ?? 0) + (profile.timeDeltas[at] ?? 0));
  const found = new Map<string, Summed>();
  const [root] = profile.nodes;
  if (root !== undefined) visit(root, { nodes, micros, map, found, open: new Set() });
  return [...found.values()]
    .map(({ lines, ...rest }): SelfTime => ({ ...rest, lines: shares(lines) }))
    .toSorted((left, right) => right.micros - left.micros);
}

type Summed = Omit<SelfTime, "lines" | "micros" | "totalMicros"> & {
  micros: number;
  totalMicros: number;
  readonly lines: Map<number, number>;
};

interface Walk {
  readonly nodes: ReadonlyMap<number, ProfileNode>;
  readonly micros: ReadonlyMap<number, number>;
  readonly map: SourceMap;
  readonly found: Map<string, Summed>;
  /** The functions between the root and here: one that calls itself is counted once. */
  readonly open: Set<string>;
}

/** Adds what was sampled at and below this node; microseconds of both. */
function visit(node: ProfileNode, walk: Walk): number {
  const named = nameOf(node.callFrame, walk.map);
  const key = `${named.owner} ${named.name} ${named.place}`;
  const summed = walk.found.get(key) ?? { ...named, micros: 0, totalMicros: 0, lines: new Map() };
  walk.found.set(key, summed);
  const isOutermost = !walk.open.has(key);
  walk.open.add(key);
  const own = walk.micros.get(node.id) ?? 0;
  let total = own;
  for (const id of node.children ?? []) {
    const child = walk.nodes.get(id);
    if (child !== undefined) total += visit(child, walk);
  }
  if (isOutermost) {
    walk.open.delete(key);
    summed.totalMicros += total;
  }
  summed.micros += own;
  if (node.callFrame.url.endsWith(SCRIPT)) {
    for (const { line, ticks } of node.positionTicks ?? []) {
      const at = sourceOf(walk.map, line - 1, COLUMN_MAX)?.line;
      if (at !== undefined) summed.lines.set(at, (summed.lines.get(at) ?? 0) + ticks);
    }
  }
  return total;
}

function shares(lines: ReadonlyMap<number, number>): SelfTime["lines"] {
  let all = 0;
  for (const ticks of lines.values()) all += ticks;
  return [...lines]
    .map(([line, ticks]) => ({ line, share: ticks / all }))
    .toSorted((left, right) => right.share - left.share);
}

function nameOf(
  { functionName, url, lineNumber, columnNumber }: CallFrame,
  map: SourceMap,
): Pick<SelfTime, "owner" | "name" | "place"> {
  const name = functionName === "" ? "(anonymous)" : functionName;
  if (name === COLLECTOR) return { owner: "collector", name, place: "" };
  if (OUTSIDE.has(name)) return { owner: "outside", name, place: "" };
  const origin = url.endsWith(SCRIPT) ? sourceOf(map, lineNumber, columnNumber) : null;
  if (origin === null)
    return { owner: "engine", name, place: url === "" ? "" : `${url}:${lineNumber + 1}` };
  return {
    owner: origin.file.startsWith("node_modules/") ? "packages" : "ours",
    name,
    place: `${origin.file}:${origin.line}`,
  };
}

/** Line and column from 0, as V8 counts; the source's line from 1, as people do. */
function sourceOf(
  map: SourceMap,
  line: number,
  column: number,
): { readonly file: string; readonly line: number } | null {
  // It is empty where the script has no source: what the bundler wrote itself.
  const entry: Partial<SourceMapping> = map.findEntry(line, column);
  const { originalSource: file, originalLine } = entry;
  if (file === undefined || originalLine === undefined) return null;
  // The map names files from its own folder, which is outside of the repository.
  return { file: relative(REPOSITORY, file.replace(/^(\.\.\/)+/, "/")), line: originalLine + 1 };
}
