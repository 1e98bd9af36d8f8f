// Where a request's record goes: a data point says nothing that the log's line does not, so that a run without a dataset
// misses nothing.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RequestRecord } from "../../../worker/learn.ts";
import { Metrics } from "../../../worker/metrics.ts";
import { telemetry, type DataPointSink } from "../../../worker/telemetry.ts";
import { emptyRecord } from "./an-empty-record.ts";

let logged: string[];
beforeEach(() => {
  logged = [];
  vi.spyOn(console, "log").mockImplementation((line) => logged.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** No two fields hold the same. */
function distinctRecord(): RequestRecord {
  const texts = ["policy", "variant", "mode", "model", "reason", "queryKind", "failure"];
  const more = ["ending", "certainty", "degraded", "budgetEnd", "difficultyTier"];
  const numbers = ["difficulty", "confidence", "expectedTokens", "inputTokens", "cachedTokens"];
  const counts = ["outputTokens", "reasoningTokens", "heldTokens", "calls", "headersMs"];
  const rest = ["totalMs", "cacheWriteTokens", "budgetLambda", "propensity"];
  return {
    ...emptyRecord(),
    ...Object.fromEntries([...texts, ...more].map((name) => [name, `a ${name}`])),
    ...Object.fromEntries([...numbers, ...counts, ...rest].map((name, at) => [name, at + 1000])),
    isEmergency: true,
    isExplored: false,
  };
}

it("writes one line and one point a request, and all that the point says stands in the line", () => {
  const writeDataPoint = vi.fn<DataPointSink["writeDataPoint"]>();
  telemetry({ writeDataPoint }, new Metrics())(distinctRecord());
  expect(logged).toHaveLength(1);
  expect(writeDataPoint).toHaveBeenCalledTimes(1);
  const line = JSON.parse(logged[0] ?? "") as Record<string, unknown>;
  const said = Object.values(line).map((value) => (typeof value === "boolean" ? +value : value));
  const { indexes = [], blobs = [], doubles = [] } = writeDataPoint.mock.calls[0]?.[0] ?? {};
  expect([...indexes, ...blobs, ...doubles].filter((value) => !said.includes(value))).toEqual([]);
  expect(new Set([...blobs, ...doubles]).size).toBe(blobs.length + doubles.length);
});

it("loses nothing else where there is no dataset", () => {
  const metrics = new Metrics();
  telemetry(null, metrics)(distinctRecord());
  expect(logged).toHaveLength(1);
  expect(metrics.text()).toContain('sluice_requests_total{mode="a mode",model="a model"');
});
