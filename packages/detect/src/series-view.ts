import { BUCKET_MS } from "@tracer/core";
import { BUCKET_STEPS, bucketOf, closedBucket } from "./buckets.ts";
import { volumeDispersionOf } from "./dispersion.ts";
import { BAND_DEVIATIONS } from "./explain.ts";
import { noCounts, type OpenSteps } from "./open-steps.ts";
import { RING_BUCKETS, type SeriesColumns } from "./series-columns.ts";
import { volumeExpectedAt } from "./volume-evidence.ts";

/** One 60-second bucket as pages show it. `low` and `high`: the band of records steady traffic stays in. */
export interface BucketView {
  readonly startMs: number;
  readonly records: number;
  readonly errors: number;
  readonly expectedRecords: number;
  readonly low: number;
  readonly high: number;
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
  const common = (bucket: number) => bandOf(columns, slot, bucket);
  const views: BucketView[] = [];
  for (let back = Math.min(bucketsMax, RING_BUCKETS); back >= 1; back -= 1) {
    const bucket = closedBucket(columns, slot, openBucket, back);
    if (bucket === null) continue;
    const startMs = (openBucket - back) * BUCKET_MS;
    views.push({ ...common(openBucket - back), ...bucket, startMs, closed: true });
  }
  // Open steps may reach into the next buckets too: lateness and delays are longer than a step.
  const filling = new Map<number, { records: number; errors: number }>();
  const filled = { records: columns.bucketRecords.at(slot), errors: columns.bucketErrors.at(slot) };
  filling.set(openBucket, filled);
  const counts = noCounts();
  const ahead = (openBucket + OPEN_BUCKETS_MAX) * BUCKET_STEPS;
  for (let step = columns.nextStep.at(slot); step < ahead; step += 1) {
    openSteps.peek(slot, step, counts);
    if (counts.records === 0) continue;
    const bucket = filling.get(bucketOf(step)) ?? { records: 0, errors: 0 };
    bucket.records += counts.records;
    bucket.errors += counts.errors;
    filling.set(bucketOf(step), bucket);
  }
  for (const [bucket, sums] of filling) {
    views.push({ ...common(bucket), ...sums, startMs: bucket * BUCKET_MS, closed: false });
  }
  return views;
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
