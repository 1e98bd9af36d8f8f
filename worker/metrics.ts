// Counts of requests and tokens, as Prometheus reads them. Kept in the isolate's memory: right for one machine, where one
// isolate serves everything; on Cloudflare each isolate has its own, and the dataset is what to ask.
import type { RequestRecord } from "./learn.ts";

/** Series of one name. Labels come from the catalog and from our own words, so only a huge catalog gets near. */
const SERIES_MAX = 2000;
/** Upper bounds of the time to the answer's headers, in seconds and rising: from a cache hit to the longest gate. */
const HEADERS_SECONDS = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** Labels as they are written, without their braces. */
type Labels = string;

export class Metrics {
  readonly #requests = new Series(
    "sluice_requests_total",
    "Requests that ended, by what became of them.",
  );
  readonly #calls = new Series("sluice_calls_total", "Calls to upstreams.");
  readonly #tokens = new Series(
    "sluice_tokens_total",
    "Tokens as settled; cached are part of input, reasoning of output.",
  );
  /** One for each bound: requests that took no longer. All are told, zeros too, or a quantile would have gaps. */
  readonly #buckets = HEADERS_SECONDS.map(() => 0);
  #headersSum = 0;
  #headersCount = 0;

  count(record: RequestRecord): void {
    const arm = armLabels(record.mode ?? "none", record.model ?? "none");
    this.#requests.add(
      `${arm},status="${record.status}",failure="${escapeLabel(record.failure ?? "none")}"`,
      1,
    );
    this.#calls.add(arm, record.calls);
    this.#tokens.add(`${arm},kind="input"`, record.inputTokens);
    this.#tokens.add(`${arm},kind="cached"`, record.cachedTokens);
    this.#tokens.add(`${arm},kind="output"`, record.outputTokens);
    this.#tokens.add(`${arm},kind="reasoning"`, record.reasoningTokens);
    const seconds = record.headersMs / 1000;
    for (const [index, bound] of HEADERS_SECONDS.entries())
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#headersSum += seconds;
    this.#headersCount += 1;
  }

  /** Prometheus' text format, version 0.0.4. */
  text(): string {
    const histogram = [
      "# HELP sluice_headers_seconds Time from a request's arrival to its answer's headers.",
      "# TYPE sluice_headers_seconds histogram",
      ...HEADERS_SECONDS.map(
        (bound, index) =>
          `sluice_headers_seconds_bucket{le="${bound}"} ${this.#buckets[index] ?? 0}`,
      ),
      `sluice_headers_seconds_bucket{le="+Inf"} ${this.#headersCount}`,
      `sluice_headers_seconds_sum ${this.#headersSum}`,
      `sluice_headers_seconds_count ${this.#headersCount}`,
    ];
    const counters = [this.#requests, this.#calls, this.#tokens].flatMap((series) => [
      ...series.head(),
      ...series.lines(),
    ]);
    return `${[...counters, ...histogram].join("\n")}\n`;
  }
}

class Series {
  readonly #name: string;
  readonly #help: string;
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  add(labels: Labels, amount: number): void {
    // What cannot be true was kept by the ledger as an anomaly; a counter must only go up.
    if (!(amount > 0) || !Number.isFinite(amount)) return;
    const sum = this.#values.get(labels);
    if (sum !== undefined) this.#values.set(labels, sum + amount);
    else if (this.#values.size < SERIES_MAX) this.#values.set(labels, amount);
    else this.#values.set(OVERFLOW, (this.#values.get(OVERFLOW) ?? 0) + amount);
  }

  head(): string[] {
    return [`# HELP ${this.#name} ${this.#help}`, `# TYPE ${this.#name} counter`];
  }

  lines(): string[] {
    return [...this.#values].map(([labels, value]) => `${this.#name}{${labels}} ${value}`);
  }
}

/** What has no room of its own. */
const OVERFLOW: Labels = 'overflow="true"';

function armLabels(mode: string, model: string): Labels {
  return `mode="${escapeLabel(mode)}",model="${escapeLabel(model)}"`;
}

function escapeLabel(value: string): string {
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
