// Where a request's record goes: one line of JSON in the log, one data point where there is a dataset, and the counts
// that `GET /metrics` shows. The last is this isolate's own, which is the whole truth only where one isolate serves all.
import type { RecordSink, RequestRecord } from "./learn.ts";
import type { Metrics } from "./metrics.ts";

/** As much of Analytics Engine as is used; without a binding the points go nowhere. */
export interface DataPointSink {
  writeDataPoint(point: { indexes: string[]; blobs: string[]; doubles: number[] }): void;
}

export function telemetry(dataset: DataPointSink | null, metrics: Metrics): RecordSink {
  return (record) => {
    console.log(JSON.stringify(record));
    metrics.count(record);
    dataset?.writeDataPoint(dataPointOf(record));
  };
}

/**
 * Fields keep their places for good: queries name them by number (blob1, double1, ...). New ones go to the end.
 * An index is cut at 96 bytes by the platform; a tenant's id is at most 64.
 */
function dataPointOf(record: RequestRecord): {
  indexes: string[];
  blobs: string[];
  doubles: number[];
} {
  return {
    indexes: [record.tenant ?? "none"],
    blobs: [
      record.requestId,
      record.key ?? "",
      record.policy ?? "",
      record.variant ?? "",
      record.mode ?? "",
      record.model ?? "",
      record.reason ?? "",
      record.queryKind ?? "",
      record.failure ?? "",
      record.ending ?? "",
      record.certainty ?? "",
      record.dialect,
      record.degraded ?? "",
      record.budgetEnd ?? "",
      record.difficultyTier ?? "",
    ],
    doubles: [
      record.status,
      record.difficulty ?? -1,
      record.confidence ?? -1,
      record.expectedTokens ?? -1,
      record.inputTokens,
      record.cachedTokens,
      record.outputTokens,
      record.reasoningTokens,
      record.heldTokens,
      record.calls,
      record.headersMs,
      record.totalMs,
      record.cacheWriteTokens,
      record.budgetLambda,
      record.isEmergency ? 1 : 0,
      record.propensity ?? -1,
      record.isExplored ? 1 : 0,
    ],
  };
}
