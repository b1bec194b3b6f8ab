import { BUCKET_MS } from "@tracer/core";
import { BUCKET_STEPS, bucketOf, closedBucket, closedLatency } from "./buckets.ts";
import { volumeDispersionOf } from "./dispersion.ts";
import { BAND_DEVIATIONS, latencyExpectation } from "./explain.ts";
import { latencyIsWarm } from "./latency-evidence.ts";
import { emptyStep, noCounts, type OpenSteps, type StepCounts } from "./open-steps.ts";
import { RING_BUCKETS, type SeriesColumns } from "./series-columns.ts";
import { volumeExpectedAt } from "./volume-evidence.ts";

export type SeriesState = "learning" | "ok" | "watch" | "firing" | "silent";

/** One 60-second bucket as pages show it, of all processors; latency of this one only. `low` and `high`: the band of records steady traffic stays in. */
export interface BucketView {
  readonly startMs: number;
  readonly records: number;
  readonly errors: number;
  readonly expectedRecords: number;
  readonly low: number;
  readonly high: number;
  /** Typical latency in ms, the geometric mean; null where no record named one. */
  readonly latencyMs: number | null;
  /** What is expected of it now, with its band; null while that is not known. */
  readonly expectedLatencyMs: number | null;
  readonly latencyLow: number | null;
  readonly latencyHigh: number | null;
  /** False for the bucket that still fills. */
  readonly closed: boolean;
}

/** Closed buckets, oldest first, then the open one. Buckets of which nothing is known are left out. */
export function bucketViews(
  columns: SeriesColumns,
  openSteps: OpenSteps,
  slot: number,
  bucketsMax: number,
): BucketView[] {
  const openBucket = bucketOf(columns.nextStep.at(slot));
  const latencyBand = latencyBandOf(columns, slot);
  const common = (bucket: number) => ({ ...bandOf(columns, slot, bucket), ...latencyBand });
  const views: BucketView[] = [];
  for (let back = Math.min(bucketsMax, RING_BUCKETS); back >= 1; back -= 1) {
    const bucket = closedBucket(columns, slot, openBucket, back);
    if (bucket === null) continue;
    const startMs = (openBucket - back) * BUCKET_MS;
    const latency = closedLatency(columns, slot, openBucket, back);
    const latencyMs = latency === null ? null : Math.exp(latency);
    views.push({ ...common(openBucket - back), ...bucket, latencyMs, startMs, closed: true });
  }
  // Open steps may reach into the next buckets too: lateness and delays are longer than a step.
  const filling = new Map([[openBucket, filledOf(columns, slot)]]);
  const counts = emptyStep();
  const ahead = (openBucket + OPEN_BUCKETS_MAX) * BUCKET_STEPS;
  for (let step = columns.nextStep.at(slot); step < ahead; step += 1) {
    openSteps.peek(slot, step, counts);
    if (counts.records + counts.foreign === 0) continue;
    const bucket = filling.get(bucketOf(step)) ?? noCounts();
    bucket.records += counts.records + counts.foreign;
    bucket.errors += counts.errors + counts.foreignErrors;
    bucket.latencyCount += counts.latencyCount;
    bucket.latencyLogSum += counts.latencyLogSum;
    filling.set(bucketOf(step), bucket);
  }
  for (const [bucket, { records, errors, latencyCount, latencyLogSum }] of filling) {
    const latencyMs = latencyCount > 0 ? Math.exp(latencyLogSum / latencyCount) : null;
    const startMs = bucket * BUCKET_MS;
    views.push({ ...common(bucket), records, errors, latencyMs, startMs, closed: false });
  }
  return views;
}

/** The bucket that is being filled, as far as its steps are closed. */
function filledOf(columns: SeriesColumns, slot: number): StepCounts {
  return {
    ...noCounts(),
    records: columns.bucketRecords.at(slot),
    errors: columns.bucketErrors.at(slot),
    latencyCount: columns.bucketLatencies.at(slot),
    latencyLogSum: columns.bucketLatencySum.at(slot),
  };
}

function latencyBandOf(
  columns: SeriesColumns,
  slot: number,
): Pick<BucketView, "expectedLatencyMs" | "latencyLow" | "latencyHigh"> {
  if (!latencyIsWarm(columns, slot, columns.nextStep.at(slot))) {
    return { expectedLatencyMs: null, latencyLow: null, latencyHigh: null };
  }
  const { expected, low, high } = latencyExpectation(columns, slot);
  return { expectedLatencyMs: expected, latencyLow: low, latencyHigh: high };
}

/** What was expected of a bucket at its time of day, with the band; as of now where the day is not known. */
function bandOf(
  columns: SeriesColumns,
  slot: number,
  bucket: number,
): Pick<BucketView, "expectedRecords" | "low" | "high"> {
  const perStep = volumeExpectedAt(columns, slot, bucket * BUCKET_STEPS + BUCKET_STEPS / 2);
  const expectedRecords = perStep * BUCKET_STEPS;
  const dispersion = volumeDispersionOf(columns, slot, perStep);
  const margin = BAND_DEVIATIONS * Math.sqrt(dispersion * expectedRecords);
  return {
    expectedRecords,
    low: Math.max(0, expectedRecords - margin),
    high: expectedRecords + margin,
  };
}

/** Unclosed buckets shown; what lies further ahead waits. */
const OPEN_BUCKETS_MAX = 3;
