// `npm run -s bench:profile`: where the CPU time of a request goes inside the runtime, by function and line, for the bare
// Worker, the gateway with its ledger in its isolate, and the one that ships. Standard output is one JSON object.
// `--requests N`, `--top N` functions, `--shape small|agent|stream` and `--target hono|isolate|real`, again for each.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bodyOf, SHAPES, type Shape } from "../bodies.ts";
import { benchDocuments } from "../documents.ts";
import { load, measureCpu } from "../load.ts";
import { chosen, wholeNumber } from "../options.ts";
import { say } from "../print.ts";
import { profileDuring, type SelfTime } from "../profile.ts";
import { buildReadable, startInspected } from "../start-inspected.ts";
import { buildTarget, startUpstream, startWorker, type Inspected } from "../start-targets.ts";

const CONCURRENCY = 8;
const LINE_SHARE_MIN = 0.1;
const TARGETS = ["hono", "isolate", "real"] as const;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "2000" },
    top: { type: "string", default: "40" },
    shape: { type: "string", multiple: true, default: [...SHAPES] },
    target: { type: "string", multiple: true, default: [...TARGETS] },
  },
});
const requests = wholeNumber("requests", values.requests, 1);
const top = wholeNumber("top", values.top, 1);
const targets = chosen("target", values.target, TARGETS);
const shapes = chosen("shape", values.shape, SHAPES);

const folder = await mkdtemp(join(tmpdir(), "sluice-profile-"));
const opened: { close(): Promise<void> }[] = [];
try {
  const upstream = await startUpstream();
  opened.push(upstream);
  const profiles: object[] = [];
  for (const name of targets) {
    const { target, bundle } = await start(name, upstream.baseUrl);
    opened.push(target);
    for (const shape of shapes) profiles.push(await profile(target, bundle, shape));
    opened.pop();
    await target.close();
  }
  console.log(JSON.stringify({ requests, profiles }));
} finally {
  for (const started of opened.toReversed()) await started.close();
  await rm(folder, { recursive: true, force: true });
}

async function start(
  name: (typeof TARGETS)[number],
  baseUrl: string,
): Promise<{ readonly target: Inspected; readonly bundle: string }> {
  const documents = benchDocuments(baseUrl);
  const settings = { hasInspector: true };
  switch (name) {
    case "hono": {
      const bundle = await buildTarget("bare-hono", folder, true);
      const env = { UPSTREAM_BASE_URL: baseUrl };
      return { bundle, target: await startWorker("bare Hono", bundle, env, settings) };
    }
    case "isolate": {
      const bundle = await buildTarget("in-isolate", folder, true);
      const env = { DOCUMENTS: JSON.stringify(documents) };
      const called = "sluice, ledger in the isolate";
      return { bundle, target: await startWorker(called, bundle, env, settings) };
    }
    case "real": {
      const bundle = await buildReadable(folder);
      return { bundle, target: await startInspected(bundle, documents) };
    }
  }
}

async function profile(target: Inspected, bundle: string, shape: Shape): Promise<object> {
  const { inspectorUrl } = target;
  if (inspectorUrl === null) throw new Error(`${target.name} has no inspector.`);
  const body = bodyOf(shape, target.model);
  await load(target, body, requests, CONCURRENCY);
  // The profiler costs time of its own, so what a request costs is measured without it.
  const cpuMicros = await measureCpu(target, body, requests, CONCURRENCY);
  let profiledMicros = 0;
  const times = await profileDuring(inspectorUrl, bundle, async () => {
    profiledMicros = await measureCpu(target, body, requests, CONCURRENCY);
  });
  const each = times.map((time): SelfTime => ({
    ...time,
    micros: time.micros / requests,
    totalMicros: time.totalMicros / requests,
  }));
  const owners = sumOwners(each, profiledMicros);
  say(
    `\n${target.name}, ${shape}: ${cpuMicros.toFixed(0)} µs of CPU a request, ${profiledMicros.toFixed(0)} while profiled`,
  );
  say(
    `  ${Object.entries(owners)
      .map(([owner, micros]) => `${owner} ${micros.toFixed(0)}`)
      .join(", ")}`,
  );
  print(each.filter(({ owner }) => owner !== "outside").slice(0, top));
  return {
    target: target.name,
    shape,
    cpuMicros,
    profiledMicros,
    owners,
    self: each.slice(0, top),
  };
}

/** What the profiler sees outside of JavaScript holds waiting too, so the process's own time says how much ran there. */
function sumOwners(
  times: readonly SelfTime[],
  profiledMicros: number,
): Readonly<Record<SelfTime["owner"], number>> {
  const sums = { ours: 0, packages: 0, engine: 0, collector: 0, outside: 0 };
  for (const { owner, micros } of times) sums[owner] += micros;
  const inside = sums.ours + sums.packages + sums.engine + sums.collector;
  return { ...sums, outside: Math.max(0, profiledMicros - inside) };
}

function print(times: readonly SelfTime[]): void {
  say("     self    total  of         function, place, lines with a tenth or more of its own time");
  for (const { owner, name, place, micros, totalMicros, lines } of times) {
    const hot = lines
      .filter(({ share }) => share >= LINE_SHARE_MIN)
      .map(({ line, share }) => `${line}: ${(100 * share).toFixed(0)} %`);
    say(
      `  ${micros.toFixed(1).padStart(7)}  ${totalMicros.toFixed(1).padStart(7)}  ${owner.padEnd(9)}  ${name}  ${place}  ${hot.join(", ")}`,
    );
  }
}
