// The counts that Prometheus reads: what each line says, and what must never become one.
import { expect, test } from "vitest";
import type { RequestRecord } from "../../../worker/learn.ts";
import { Metrics } from "../../../worker/metrics.ts";
import { emptyRecord } from "./an-empty-record.ts";

function recordWith(fields: Partial<RequestRecord> = {}): RequestRecord {
  return { ...emptyRecord(), model: "small", mode: "short", calls: 1, ...fields };
}

function linesOf(metrics: Metrics): readonly string[] {
  return metrics.text().split("\n");
}

test("requests, calls and tokens are counted by arm", () => {
  const metrics = new Metrics();
  metrics.count(recordWith({ inputTokens: 10, outputTokens: 5, reasoningTokens: 2 }));
  metrics.count(recordWith({ inputTokens: 1, calls: 2 }));
  metrics.count(recordWith({ status: 429, failure: "budget-exceeded" }));
  expect(linesOf(metrics)).toEqual(
    expect.arrayContaining([
      'sluice_requests_total{mode="short",model="small",status="200",failure="none"} 2',
      'sluice_requests_total{mode="short",model="small",status="429",failure="budget-exceeded"} 1',
      'sluice_calls_total{mode="short",model="small"} 4',
      'sluice_tokens_total{mode="short",model="small",kind="input"} 11',
      'sluice_tokens_total{mode="short",model="small",kind="reasoning"} 2',
    ]),
  );
});

test("the histogram's buckets hold all that is below them, and its last holds everything", () => {
  const metrics = new Metrics();
  for (const headersMs of [5, 20, 200_000]) metrics.count(recordWith({ headersMs }));
  const lines = linesOf(metrics);
  expect(lines).toContain('sluice_headers_seconds_bucket{le="0.01"} 1');
  expect(lines).toContain('sluice_headers_seconds_bucket{le="0.03"} 2');
  expect(lines).toContain('sluice_headers_seconds_bucket{le="100"} 2');
  expect(lines).toContain('sluice_headers_seconds_bucket{le="+Inf"} 3');
  expect(lines).toContain("sluice_headers_seconds_count 3");
});

test("every bucket is told, in rising order and zeros too, whichever request came first", () => {
  const bounds = ["0.01", "0.03", "0.1", "0.3", "1", "3", "10", "30", "100", "+Inf"];
  const buckets = (...each: number[]): readonly string[] => {
    const metrics = new Metrics();
    for (const headersMs of each) metrics.count(recordWith({ headersMs }));
    return linesOf(metrics).filter((line) => line.startsWith("sluice_headers_seconds_bucket"));
  };
  const told = (counts: readonly number[]) =>
    bounds.map((le, index) => `sluice_headers_seconds_bucket{le="${le}"} ${counts[index]}`);
  expect(buckets(5000, 20)).toEqual(told([0, 1, 1, 1, 1, 1, 2, 2, 2, 2]));
  expect(buckets(20, 5000)).toEqual(buckets(5000, 20));
  expect(buckets()).toEqual(told(bounds.map(() => 0)));
});

test("a count that cannot be true leaves the counters as they are", () => {
  const metrics = new Metrics();
  for (const outputTokens of [-5, Number.NaN, Number.POSITIVE_INFINITY, 0]) {
    metrics.count(recordWith({ outputTokens }));
  }
  expect(metrics.text()).not.toContain('kind="output"');
});

test("labels are escaped, so that a model's name cannot write a line of its own", () => {
  const metrics = new Metrics();
  metrics.count(recordWith({ model: 'odd"\\\nname' }));
  expect(linesOf(metrics)).toContain(
    String.raw`sluice_calls_total{mode="short",model="odd\"\\\nname"} 1`,
  );
});

test("the number of series is bounded, and what is beyond it is still counted", () => {
  const metrics = new Metrics();
  for (let index = 0; index < 2100; index += 1) {
    metrics.count(recordWith({ model: `m${index}` }));
  }
  const calls = linesOf(metrics).filter((line) => line.startsWith("sluice_calls_total"));
  expect(calls).toHaveLength(2001);
  expect(calls).toContain('sluice_calls_total{overflow="true"} 100');
});
