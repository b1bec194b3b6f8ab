import { BUCKET_MS } from "@tracer/core";
import { BUCKET_STEPS, bucketOf, closedBucket } from "./buckets.ts";
import { ERROR_BAR, strongestErrorTest } from "./error-evidence.ts";
import {
  type Expectation,
  errorExpectation,
  latencyExpectation,
  volumeExpectation,
} from "./explain.ts";
import { LATENCY_BAR, strongestLatencyTest } from "./latency-evidence.ts";
import { noCounts, type OpenSteps } from "./open-steps.ts";
import { RING_BUCKETS, type SeriesColumns } from "./series-columns.ts";
import { strongestVolumeTest, VOLUME_BAR } from "./volume-evidence.ts";

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

/** What is known for and against one kind of signal right now. */
export interface Explanation extends Expectation {
  readonly kind: "error" | "volume" | "latency";
  readonly part: "" | "surge" | "drop";
  /** Accumulated evidence and its bar, in nats. */
  readonly evidence: number;
  readonly bar: number;
}

/** Closed buckets, oldest first, then the open one. Buckets of which nothing is known are left out. */
export function bucketViews(
  columns: SeriesColumns,
  openSteps: OpenSteps,
  slot: number,
  bucketsMax: number,
): BucketView[] {
  const openBucket = bucketOf(columns.nextStep.at(slot));
  const band = volumeExpectation(columns, slot);
  const common = { expectedRecords: band.expected, low: band.low, high: band.high };
  const views: BucketView[] = [];
  for (let back = Math.min(bucketsMax, RING_BUCKETS); back >= 1; back -= 1) {
    const bucket = closedBucket(columns, slot, openBucket, back);
    if (bucket === null) continue;
    views.push({ ...common, ...bucket, startMs: (openBucket - back) * BUCKET_MS, closed: true });
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
    views.push({ ...common, ...sums, startMs: bucket * BUCKET_MS, closed: false });
  }
  return views;
}
/** Unclosed buckets shown; what lies further ahead waits. */
const OPEN_BUCKETS_MAX = 3;

export function explanationOf(columns: SeriesColumns, slot: number): Explanation[] {
  const volume = volumeExpectation(columns, slot);
  const parts = ["surge", "drop"] as const;
  return [
    {
      kind: "error",
      part: "",
      evidence: columns.errorEvidence.at(strongestErrorTest(columns, slot)),
      bar: ERROR_BAR,
      ...errorExpectation(columns, slot),
    },
    ...parts.map((part) => ({
      kind: "volume" as const,
      part,
      evidence: columns.volumeEvidence.at(strongestVolumeTest(columns, slot, part)),
      bar: VOLUME_BAR,
      ...volume,
    })),
    {
      kind: "latency",
      part: "",
      evidence: columns.latencyEvidence.at(strongestLatencyTest(columns, slot)),
      bar: LATENCY_BAR,
      ...latencyExpectation(columns, slot),
    },
  ];
}
