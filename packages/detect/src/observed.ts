import { STEP_MS } from "@tracer/core";
import { BUCKET_STEPS, bucketOf, closedBucket, closedLatency } from "./buckets.ts";
import { MINUTE_RECORDS_MIN, sharesOf } from "./error-shares.ts";
import { noteWorst, type OpenSignal } from "./open-signal.ts";
import type { SeriesColumns } from "./series-columns.ts";
import { volumeExpectedOf } from "./volume-evidence.ts";

/** A service is silent after this many empty steps, if this many records were expected in them. */
const SILENT_STEPS_MIN = 3;
const SILENT_EXPECTED_MIN = 3;
/** …and this many at the rate at which it went on since the onset, if it did so for a minute. */
const STILL_EXPECTED_MIN = 12;
const LOGGED_STEPS_MIN = BUCKET_STEPS;

/** How long a service that dropped has been silent, in ms; 0 while it is not. */
export function silentMsOf(columns: SeriesColumns, open: OpenSignal): number {
  if (open.part !== "drop") return 0;
  const emptyRun = columns.emptyRun.at(open.slot);
  const missed = emptyRun * volumeExpectedOf(columns, open.slot);
  if (emptyRun < SILENT_STEPS_MIN || missed < SILENT_EXPECTED_MIN) return 0;
  // One that still logs a little has pauses by chance, and is no silent one in each of them.
  const loggedSteps = open.lastStep - open.onsetStep + 1 - emptyRun;
  const stillMissed = (emptyRun * open.records) / Math.max(1, loggedSteps);
  if (loggedSteps >= LOGGED_STEPS_MIN && stillMissed < STILL_EXPECTED_MIN) return 0;
  return emptyRun * STEP_MS;
}

/**
 * What was seen, in the unit of the evidence: since the onset, or nothing, of a service that is silent by
 * now. The step in which it fell silent still held records, and people are told of a silence.
 */
export function observedOf(columns: SeriesColumns, open: OpenSignal): number {
  if (open.kind === "error") return sharesOf(open).errorShare;
  if (open.kind === "latency") return typicalLatencyOf(open);
  if (silentMsOf(columns, open) > 0) return 0;
  return (open.records * BUCKET_STEPS) / Math.max(1, open.lastStep - open.onsetStep + 1);
}

/** Typical latency since the onset in ms: the geometric mean, which a few slow requests do not move. */
function typicalLatencyOf({ latencyCount, latencyLogSum }: OpenSignal): number {
  return latencyCount > 0 ? Math.exp(latencyLogSum / latencyCount) : 0;
}

/** Notes the full buckets between the onset of a signal and its opening; they are on its sparkline. */
export function noteBucketsBefore(columns: SeriesColumns, open: OpenSignal): void {
  const openBucket = bucketOf(open.decidedStep);
  for (let back = 1; (openBucket - back) * BUCKET_STEPS >= open.onsetStep; back += 1) {
    const bucket = closedBucket(columns, open.slot, openBucket, back);
    if (bucket === null) return;
    if (open.kind === "latency") {
      const mean = closedLatency(columns, open.slot, openBucket, back);
      if (mean !== null) noteWorst(open, Math.exp(mean));
    } else if (open.kind === "volume") noteWorst(open, bucket.records);
    else if (bucket.records >= MINUTE_RECORDS_MIN) noteWorst(open, bucket.errors / bucket.records);
  }
}
